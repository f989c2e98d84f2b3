"""The help's texts: tasks of people who make pictures. They call buttons as the window does, in its language."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate
WORDS = {  # in the texts → what the window itself says: context and source
    "add_files": ("ConvertPage", "&Add files …"),
    "add_folder": ("ConvertPage", "Add f&older …"),
    "start": ("ConvertPage", "&Start"),
    "import_model": ("ConvertPage", "Import …"),
    "about_model": ("ConvertPage", "About it"),
    "try_again": ("ConvertPage", "Try again"),
    "copy": ("ConvertPage", "Copy"),
    "again_with": ("QueueView", "Again with"),
    "open_result": ("QueueView", "Open result"),
    "partly": ("QueueModel", "Partly done"),
    "failed": ("QueueModel", "Failed"),
    "no_read": ("QueueModel", "Cannot be read"),
    "results_go_to": ("OptionsPanel", "Results go to"),
    "strength": ("OptionsPanel", "Strength"),
    "brush": ("OptionsPanel", "Brush"),
    "advanced": ("OptionsPanel", "Advanced"),
    "picture_format": ("OptionsPanel", "Picture format"),
    "quality": ("OptionsPanel", "Picture quality"),
    "begin_here": ("FilmRow", "Begin the translation here"),
    "end_here": ("FilmRow", "End the translation here"),
    "whole": ("FilmRow", "Translate the whole film"),
    "convert": ("App", "Convert"),
    "train": ("App", "Train"),
    "settings": ("App", "Settings"),
    "log": ("App", "Log"),
    "language": ("SettingsPage", "Language"),
    "from_box": ("TrainPage", "From: pictures like yours"),
    "to_box": ("TrainPage", "To: what they should look like"),
    "preset": ("TrainPage", "Preset"),
    "start_training": ("TrainPage", "&Start training"),
    "pause_training": ("TrainPage", "&Pause"),
    "continue_run": ("TrainPage", "Continue a run …"),
    "use_now": ("TrainPage", "Use this model now"),
}


class Topic(NamedTuple):
    """A task: what is done one after the other, and what else there is to know."""

    title: str
    steps: tuple[str, ...]
    more: tuple[str, ...] = ()


def topics() -> tuple[Topic, ...]:
    """Return all of them in the window's language; buttons stand in braces."""
    return (
        Topic(
            translate("help", "A folder of photographs as Monet"),
            (
                translate("help", "Drag the folder from your file manager onto the window, or press {add_folder}."),
                translate("help", "In the strip below the picture, click the sample that is called Monet."),
                translate("help", "Move {strength} and {brush}; the picture in the middle shows what they do."),
                translate("help", "Press {start}."),
            ),
            (
                translate(
                    "help",
                    "The results lie in a new folder beside yours: holiday becomes holiday-monet. "
                    "Your own pictures are never changed.",
                ),
                translate(
                    "help",
                    "Drag the line in the picture to see before and after. The wheel zooms, Space shows the original.",
                ),
            ),
        ),
        Topic(
            translate("help", "Only the second half of a film"),
            (
                translate("help", "Add the film and click it in the list at the left."),
                translate("help", "Below the picture, drag the slider to the middle of the film."),
                translate("help", "Press the left bracket beside it: {begin_here}."),
                translate("help", "Press {start}. The result holds that half, with its sound."),
            ),
            (
                translate(
                    "help", "The right bracket ({end_here}) sets where to stop; the arrow takes the whole film again."
                ),
                translate("help", "The part is set for this film only; a mark in the list shows that."),
            ),
        ),
        Topic(
            translate("help", "Two models on one picture"),
            (
                translate("help", "Add the picture, click the first model and press {start}."),
                translate(
                    "help",
                    "Click the picture in the list with the right mouse button, choose {again_with}, "
                    "and the other model.",
                ),
                translate("help", "Press {start} again."),
            ),
            (
                translate("help", "Both results lie beside the picture, with the model in their names."),
                translate("help", "You can do both before the first {start}, too: then both are made in one go."),
            ),
        ),
        Topic(
            translate("help", "A model from a file"),
            (
                translate(
                    "help", "Drag the file (its name ends in .onnx or .pth) onto the window, or press {import_model}."
                ),
                translate("help", "If cgconv cannot find something out, it asks; Enter accepts the suggested answer."),
                translate("help", "It stands in the strip of models now. Click it and press {start}."),
            ),
            (
                translate(
                    "help",
                    "If it is refused, the sentence at the bottom of the window says why. "
                    "Take model files only from people you trust.",
                ),
                translate("help", "{about_model} says what is known of a model, its license too."),
            ),
        ),
        Topic(
            translate("help", "Teach a model overnight"),
            (
                translate("help", "Go to {train} (Ctrl+2)."),
                translate("help", "Drag a folder of photographs onto {from_box}, one of paintings onto {to_box}."),
                translate(
                    "help",
                    "Read how long it will take. If that is more than a night, pick a shorter {preset}: quick is made "
                    "for computers without a graphics card.",
                ),
                translate("help", "Press {start_training} and let the computer stay on."),
                translate("help", "In the morning press {use_now}: the model stands among the others."),
            ),
            (
                translate("help", "A hundred pictures in each folder are few, a thousand are good."),
                translate(
                    "help",
                    "{pause_training} saves everything, and so does closing the window. "
                    "{continue_run} goes on another night.",
                ),
            ),
        ),
        Topic(
            translate("help", "A file that failed"),
            (
                translate(
                    "help",
                    "Click the file that says {failed} or {no_read}. The reason stands below the list; {copy} takes it "
                    "along. The triangle below the list shows only such files.",
                ),
                translate("help", "Put right what it says: take another copy of the file, make room on the disk."),
                translate("help", "Press {try_again}, then {start}. {start} alone retries every failed file."),
            ),
            (
                translate(
                    "help",
                    "{partly}: the film is damaged. What is before the damage was translated; press Enter to open it.",
                ),
                translate("help", "The page {log} has everything that was said, with the time."),
            ),
        ),
        Topic(
            translate("help", "Results as JPEG of quality 90, in another folder"),
            (
                translate("help", "At the right, press … beside {results_go_to} and choose the folder."),
                translate("help", "Press {advanced} below it."),
                translate("help", "Set {picture_format} to JPEG and {quality} to 90 %."),
                translate("help", "Press {start}."),
            ),
            (
                translate(
                    "help", "This stays so until you change it; save it as a preset to come back to it with two clicks."
                ),
            ),
        ),
        Topic(
            translate("help", "中文 · Chinese, English"),
            (
                translate("help", "Go to {settings} (Ctrl+3)."),
                translate("help", "Under {language} choose 简体中文 or English."),
            ),
            (translate("help", "要使用中文：按 Ctrl+3，在第一个列表中选择“简体中文”。"),),
        ),
    )


def in_words(text: str) -> str:
    """Return a text of the help with buttons called as they are in the window."""
    return text.format(**{name: f"<b>{_plain(translate(*where))}</b>" for name, where in WORDS.items()})


def as_html(topic: Topic) -> str:
    """Return a topic as a page."""
    steps = "".join(f"<li style='margin-bottom:6px'>{in_words(step)}</li>" for step in topic.steps)
    more = "".join(f"<p>{in_words(words)}</p>" for words in topic.more)
    return f"<h2>{topic.title}</h2><ol>{steps}</ol>{more}"


def _plain(words: str) -> str:
    """Return a button's words without the mark of its key and without dots."""
    head, _, key = words.partition("(&")
    return (head if len(key) > 1 and key[1:2] == ")" else words).replace("&", "").rstrip(" …")
