"""Let users say what they want of results: what matters in sight, the rest under Advanced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.choices import FilmFormat, VideoCodec
from cgconv.runtime.misfits import LARGEST_CRF, has_crf
from cgconv.runtime.requests import ConvertOptions

from .buttons import tool_button
from .elided import ElidedLabel
from .possible import Here, offer, problem_of, why_not_in, why_not_on
from .quantities import folder_in_words


class OptionsPanel(QWidget):
    """All options of a conversion.

    Signals:
        options_changed(): by the user.
        strength_changed(float): while the slider moves.
        problem_changed(str): why nothing can be started with these options; empty: it can.
        devices_wanted(): what this computer has is to be said by `show_here`.
    """

    options_changed = Signal()
    strength_changed = Signal(float)
    problem_changed = Signal(str)
    devices_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_showing = False
        self.problem = ""
        self.here = Here()
        self.note = ElidedLabel()  # the problem; its place is outside, where it is always seen
        self.note.is_bad = True
        self._usual_out: Path | None = None
        self._make_widgets()
        sight = self._form(
            (self.tr("Strength"), _row(self.strength, self.strength_text)),
            ("", self.keep_colors),
            (self.tr("Brush"), self.brush),
            (self.tr("Results go to"), _row(self.out, self.browse)),
        )
        self.advanced = self._form(
            (self.tr("Name"), self.name),
            (self.tr("If one exists"), self.exists),
            (self.tr("Short side"), self.short_side),
            (self.tr("Strokes kept"), self.detail),
            (self.tr("Steady films"), self.steady),
            (self.tr("Picture format"), self.picture_format),
            (self.tr("Picture quality"), self.quality),
            (self.tr("Film format"), self.film_format),
            (self.tr("Film codec"), self.codec),
            (self.tr("Film quality"), self.crf),
            ("", self.keep_audio),
            ("", self.allow_hdr),
            (self.tr("From second"), self.start_s),
            (self.tr("To second"), self.end_s),
            (self.tr("Compute on"), self.device),
            (self.tr("Computed by"), self.backend),
            (self.tr("Precision"), self.precision),
            (self.tr("Batch"), self.batch),
            (self.tr("Threads"), self.threads),
            (self.tr("Largest picture"), self.max_pixels),
        )
        self.more = tool_button(self.tr("Advanced"), checkable=True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setAutoRaise(True)
        self.more.toggled.connect(self._show_advanced)
        self.advanced.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.addWidget(sight)
        layout.addWidget(self.more)
        layout.addWidget(self.advanced)
        layout.addStretch(1)
        self.show_options(ConvertOptions())

    def _make_widgets(self) -> None:
        self.strength = QSlider(Qt.Orientation.Horizontal)
        self.strength.setRange(0, 100)
        self.strength.setPageStep(10)
        self.strength_text = QLabel()
        self.strength_text.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 %"))
        self.strength_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.keep_colors = QCheckBox(self.tr("Keep the original's colors"))
        self.brush = QDoubleSpinBox()
        self.brush.setRange(0, 8)
        self.brush.setDecimals(1)
        self.brush.setSpecialValueText(self.tr("As the model wants"))
        self.brush.setToolTip(
            self.tr("Translate at a part of the size and bring the change back: "
                    "broader strokes, sharp edges, less time")
        )  # fmt: skip
        self.detail = _number(0, 100, "", suffix=" %", step=10)
        self.detail.setToolTip(self.tr("How visible the brush strokes are with a broader brush"))
        self.steady = _number(0, 100, self.tr("Off"), suffix=" %", step=10)
        self.steady.setToolTip(self.tr("Hold strokes still from frame to frame of films and animations"))
        self.out = QLineEdit(placeholderText=self.tr("Beside the originals"), clearButtonEnabled=True)
        self.out.setAcceptDrops(False)
        self.browse = tool_button("…")
        self.browse.setToolTip(self.tr("Choose the folder for results"))
        self.browse.setAccessibleName(self.tr("Choose the folder for results"))
        self.name = QLineEdit(placeholderText="{name}.{model}", clearButtonEnabled=True)
        self.name.setAcceptDrops(False)
        self.name.setToolTip(
            self.tr("How results are called; {name} is the original's name, {model} the model's. "
                    "Empty: name.model beside originals, the same name in another folder.")
        )  # fmt: skip
        self.exists = _choice(
            ("skip", self.tr("Leave it, skip the file")), ("overwrite", self.tr("Replace it")),
            ("rename", self.tr("Keep both")), ("fail", self.tr("Count as failed")),
        )  # fmt: skip
        self.short_side = _number(0, 16384, self.tr("Keep the size"), suffix=" px", step=90)
        self.codec = _choice(
            ("auto", self.tr("Automatic")), ("h264", "H.264"), ("hevc", "HEVC"), ("av1", "AV1"), ("vp9", "VP9"),
            ("prores", "ProRes"), ("ffv1", "FFV1"),
        )  # fmt: skip
        self.crf = _number(-1, 63, self.tr("Automatic"), prefix="CRF ")
        self.crf.setToolTip(self.tr("Lower numbers give better quality and larger files"))
        self.quality = _number(0, 100, self.tr("Automatic"), suffix=" %")
        self.device = _choice(
            ("auto", self.tr("Automatic")), ("cpu", self.tr("Processor")), ("cuda", self.tr("NVIDIA GPU")),
            ("gpu", self.tr("Intel GPU")), ("directml", "DirectML"), ("coreml", "Core ML"),
        )  # fmt: skip
        same = ("same", self.tr("As the original"))
        self.picture_format = _choice(same, ("png", "PNG"), ("jpg", "JPEG"), ("webp", "WebP"), ("tiff", "TIFF"),
                                      ("avif", "AVIF"))  # fmt: skip
        self.film_format = _choice(same, ("mp4", "MP4"), ("mov", "MOV"), ("mkv", "MKV"), ("webm", "WebM"),
                                   ("gif", "GIF"))  # fmt: skip
        self.keep_audio = QCheckBox(self.tr("Keep the sound"))
        self.allow_hdr = QCheckBox(self.tr("Translate HDR anyway"))
        self.allow_hdr.setToolTip(self.tr("Translate HDR pictures and films too; their colors come out dull"))
        self.start_s, self.end_s = QDoubleSpinBox(), QDoubleSpinBox()
        for box, words in ((self.start_s, self.tr("The beginning")), (self.end_s, self.tr("The end"))):
            box.setRange(0, 360_000)
            box.setDecimals(2)
            box.setSuffix(" s")
            box.setSpecialValueText(words)
        self.backend = _choice(
            ("auto", self.tr("Automatic")), ("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO"),
            ("tensorrt", "TensorRT"),
        )  # fmt: skip
        self.precision = _choice(
            ("auto", self.tr("Automatic")), ("fp32", "fp32"), ("fp16", "fp16"), ("bf16", "bf16"), ("int8", "int8")
        )
        self.batch = _number(1, 256, "")
        self.threads = _number(0, 256, self.tr("All"))
        self.max_pixels = _number(0, 2000, self.tr("Automatic"), suffix=" MP", step=10)
        self.strength.valueChanged.connect(self._show_strength)
        self.browse.clicked.connect(self._browse)
        for check in (self.keep_colors, self.keep_audio, self.allow_hdr):
            check.toggled.connect(self._tell)
        for line in (self.out, self.name):
            line.textChanged.connect(self._tell)
        for combo in (self.exists, self.codec, self.device, self.picture_format, self.film_format, self.backend,
                      self.precision):  # fmt: skip
            combo.currentIndexChanged.connect(self._tell)
        for number in (self.brush, self.detail, self.steady, self.short_side, self.crf, self.quality, self.start_s,
                       self.end_s, self.batch, self.threads, self.max_pixels):  # fmt: skip
            number.valueChanged.connect(self._tell)

    def _form(self, *rows: tuple[str, QWidget]) -> QWidget:
        box = QWidget()
        form = QFormLayout(box)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for words, widget in rows:
            if not words:
                form.addRow("", widget)
                continue
            label = QLabel(words)
            target = widget.property("field") or widget
            label.setBuddy(target)
            target.setAccessibleName(words)
            form.addRow(label, widget)
        return box

    def options(self) -> ConvertOptions:
        """Return what is shown."""
        out = self.out.text().strip()
        return ConvertOptions(
            out=Path(out).expanduser() if out else self._usual_out,
            name=self.name.text().strip(),
            exists=self.exists.currentData(),
            strength=self.strength.value() / 100,
            keep_colors=self.keep_colors.isChecked(),
            brush=self.brush.value() and max(1.0, self.brush.value()),
            detail=self.detail.value() / 100,
            steady=self.steady.value() / 100,
            short_side=self.short_side.value(),
            picture_format=self.picture_format.currentData(),
            quality=self.quality.value(),
            max_pixels=self.max_pixels.value() * 1_000_000,
            film_format=self.film_format.currentData(),
            codec=self.codec.currentData(),
            crf=self.crf.value() if self.crf.isEnabled() else -1,
            keep_audio=self.keep_audio.isChecked(),
            allow_hdr=self.allow_hdr.isChecked(),
            start_s=self.start_s.value(),
            end_s=self.end_s.value(),
            batch=self.batch.value(),
            threads=self.threads.value(),
            device=self.device.currentData(),
            backend=self.backend.currentData(),
            precision=self.precision.currentData(),
        )

    def show_options(self, options: ConvertOptions) -> None:
        """Show these; says that they have changed once."""
        self._is_showing = True
        self.out.setText(str(options.out) if options.out not in (None, self._usual_out) else "")
        self.name.setText(options.name)
        self.strength.setValue(round(options.strength * 100))
        self._show_strength()
        self.keep_colors.setChecked(options.keep_colors)
        self.brush.setValue(options.brush)
        self.detail.setValue(round(options.detail * 100))
        self.steady.setValue(round(options.steady * 100))
        self.short_side.setValue(options.short_side)
        self.quality.setValue(options.quality)
        self.max_pixels.setValue(options.max_pixels // 1_000_000)
        self.keep_audio.setChecked(options.keep_audio)
        self.allow_hdr.setChecked(options.allow_hdr)
        self.start_s.setValue(options.start_s)
        self.end_s.setValue(options.end_s)
        if self.device.findData(options.device) < 0:  # the second GPU of some computer
            self.device.addItem(options.device, options.device)
        self.batch.setValue(options.batch)
        self.threads.setValue(options.threads)
        for combo, value in (
            (self.exists, options.exists), (self.codec, options.codec), (self.device, options.device),
            (self.picture_format, options.picture_format), (self.film_format, options.film_format),
            (self.backend, options.backend), (self.precision, options.precision),
        ):  # fmt: skip
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self._offer()
        self.crf.setValue(options.crf)
        if replace(options, **{name: getattr(ConvertOptions(), name) for name in _IN_SIGHT}) != ConvertOptions():
            self.more.setChecked(True)  # what is not at its default is not to be hidden
        self._is_showing = False
        self._tell()

    def show_here(self, here: Here) -> None:
        """Offer what this computer has."""
        self.here = here
        for device in here.devices or ():
            if self.device.findData(device) < 0:
                self.device.addItem(f"{self._words('cuda')} {int(device.partition(':')[2]) + 1}", device)
        self._check()

    def _words(self, value: str) -> str:
        """Return how a list calls what has this value."""
        for combo in (self.film_format, self.codec, self.backend, self.device):
            if (row := combo.findData(value)) >= 0 and value not in ("auto", "same"):
                return combo.itemText(row)
        return value

    def _offer(self) -> None:
        """Let only be chosen what goes together."""
        codec, container = self.codec.currentData(), self.film_format.currentData()
        backend, device, precision = (combo.currentData() for combo in (self.backend, self.device, self.precision))
        words, here = self._words, self.here
        offer(self.film_format, lambda value: why_not_in(value, codec, words))
        offer(self.codec, lambda value: why_not_in(container, value, words))
        offer(self.device, lambda value: here.why_no_device(value) or why_not_on(backend, value, precision, words))
        offer(self.backend, lambda value: here.why_no_backend(value) or why_not_on(value, device, precision, words))
        offer(self.precision, lambda value: why_not_on(backend, device, value, words))
        self.crf.setEnabled(has_crf(FilmFormat(container), VideoCodec(codec)))
        largest = LARGEST_CRF.get(VideoCodec(codec), 63 if container == FilmFormat.WEBM else 51)
        self.crf.setMaximum(largest)

    def _check(self) -> None:
        self._offer()
        problem = problem_of(self.options(), self.here, self._words)
        if problem != self.problem:
            self.problem = problem
            self.note.setText(problem)
            self.problem_changed.emit(problem)

    def show_usual_out(self, folder: Path | None) -> None:
        """Have results go to this folder where none is said; None: beside the originals."""
        self._usual_out = folder
        self.out.setPlaceholderText(folder_in_words(folder) if folder else self.tr("Beside the originals"))
        self._tell()

    def label_of(self, field: str) -> str:
        """Return what an option is called on the page."""
        widget = getattr(self, field, None)
        if isinstance(widget, QCheckBox):
            return widget.text()
        return (widget.accessibleName() if isinstance(widget, QWidget) else "") or field

    def _show_strength(self) -> None:
        self.strength_text.setText(f"{self.strength.value()} %")
        self.strength_changed.emit(self.strength.value() / 100)
        self._tell()

    def _show_advanced(self, shown: bool) -> None:
        self.advanced.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        if shown and self.here.devices is None:
            self.devices_wanted.emit()

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder for results"), self.out.text())
        if chosen:
            self.out.setText(chosen)

    def _tell(self) -> None:
        if not self._is_showing:
            self._check()
            self.options_changed.emit()


_IN_SIGHT = ("out", "strength", "keep_colors", "brush")


def _choice(*entries: tuple[str, str]) -> QComboBox:
    combo = QComboBox()
    for value, words in entries:
        combo.addItem(words, value)
    combo.setMinimumContentsLength(8)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return combo


def _number(
    lowest: int, highest: int, at_lowest: str, *, prefix: str = "", suffix: str = "", step: int = 1
) -> QSpinBox:
    box = QSpinBox()
    box.setRange(lowest, highest)
    box.setSpecialValueText(at_lowest)
    box.setPrefix(prefix)
    box.setSuffix(suffix)
    box.setSingleStep(step)
    return box


def _row(*widgets: QWidget) -> QWidget:
    """Return the widgets side by side; the first one takes the room and is what a label belongs to."""
    box = QWidget()
    line = QHBoxLayout(box)
    line.setContentsMargins(0, 0, 0, 0)
    for number, widget in enumerate(widgets):
        line.addWidget(widget, 0 if number else 1)
    box.setProperty("field", widgets[0])
    return box
