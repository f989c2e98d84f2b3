"""cgconv completion: print the script that makes a shell complete commands, options and model names."""

from __future__ import annotations

import click

EXAMPLE = """\b
Try, once:
  cgconv completion bash > ~/.local/share/bash-completion/completions/cgconv
  cgconv completion zsh > "${fpath[1]}/_cgconv"
  cgconv completion fish > ~/.config/fish/completions/cgconv.fish"""


@click.command(epilog=EXAMPLE, short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that completes commands, options and model names in SHELL."""
    from click.shell_completion import get_completion_class

    from .main import cgconv

    found = get_completion_class(shell)
    assert found is not None  # click has these three
    script = found(cgconv, {}, "cgconv", "_CGCONV_COMPLETE")
    click.echo(script.source_template % script.source_vars())  # source() would first ask the shell for its version
    return 0
