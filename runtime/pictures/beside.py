"""Find what lies beside a picture in its file, and take claims about it, and thumbnails, out of EXIF and XMP.

A result is another picture: a gain map, a film or a small preview of the original do not belong to it.
"""

from __future__ import annotations

import logging
import re
import struct
from xml.dom import minidom
from xml.parsers.expat import ExpatError

log = logging.getLogger(__name__)

# Namespaces that speak of something beside the picture, and which of their properties do (empty: all).
BESIDE = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "",
    "http://ns.apple.com/HDRGainMap/1.0/": "",
    "http://ns.google.com/photos/1.0/container/": "",
    "http://ns.google.com/photos/1.0/container/item/": "",
    "http://ns.google.com/photos/1.0/camera/": "MotionPhoto|MicroVideo",
    "http://ns.google.com/photos/1.0/depthmap/": "",
    "http://ns.google.com/photos/1.0/image/": "",
    "http://ns.google.com/photos/dd/1.0/device/": "",
    "http://ns.adobe.com/xmp/note/": "HasExtendedXMP",
    "http://ns.adobe.com/xap/1.0/": "Thumbnails",
}
CLAIMS = re.compile(
    "|".join([*(uri for uri, names in BESIDE.items() if not names), *filter(None, BESIDE.values())]).encode()
)
GAIN_MAP = re.compile(rb"hdr-gain-map/|HDRGainMap|urn:iso:std:iso:ts:21496:-1|[\"']GainMap[\"']")
MOTION_PHOTO = re.compile(rb"(MotionPhoto|MicroVideo)\s*(=\s*[\"']|>)\s*1|[\"']MotionPhoto[\"']|MotionPhoto_Data")
MOST_XMP_BYTES = 2**21
MOST_SCANNED_BYTES = 2**28  # of a file that is looked through for what lies beside the picture
DEPTH = re.compile(rb"photos/1\.0/depthmap/|[\"']Depth[\"']")


def notes_on(*blocks: bytes) -> tuple[str, ...]:
    """Return a sentence for each thing that blocks of a file (XMP, markers, a tail) say lies beside the picture."""
    notes = []
    if any(GAIN_MAP.search(block) for block in blocks):
        notes.append("the gain map for HDR screens is left out")
    if any(MOTION_PHOTO.search(block) for block in blocks):
        notes.append("the film of a Motion Photo is left out")
    if any(DEPTH.search(block) for block in blocks):
        notes.append("the depth map is left out")
    if any(b"HasExtendedXMP" in block for block in blocks):
        notes.append("XMP data past the first 64 kB are left out")
    return tuple(notes)


def exif_without_thumbnail(exif: bytes) -> bytes:
    """Return an EXIF block without the small picture behind its first directory; what is left stays in its place."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return exif
    changed = bytearray(exif)
    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, first)
        link = first + 2 + 12 * entries
        (second,) = struct.unpack_from(order + "I", exif, link)
        if not second:
            return exif
        struct.pack_into(order + "I", changed, link, 0)
        (entries,) = struct.unpack_from(order + "H", exif, second)
        values = {}
        for entry in range(second + 2, second + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            (values[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), exif, entry + 8)
    except struct.error:
        return bytes(changed)  # cut off: what cannot be found is no picture
    # A JPEG file, or one strip of pixels.
    for start, length in ((values.get(513), values.get(514)), (values.get(273), values.get(279))):
        if start and length and start >= link + 4:
            changed[start : start + length] = bytes(len(changed[start : start + length]))
    return bytes(changed)


def xmp_without_claims(xmp: bytes) -> bytes | None:
    """Return an XMP packet without what it says of things beside the picture, every byte as it was if that is nothing.

    None where it says such things in XML that cannot be read, or is very long.
    """
    if not CLAIMS.search(xmp):
        return xmp
    # No packet has a document type, whose entities could be made to explode; a tree takes a hundred times the bytes.
    if len(xmp) > MOST_XMP_BYTES or b"<!" in xmp.replace(b"<!--", b""):
        return None
    try:
        return _without_claims(minidom.parseString(xmp.strip(b"\0 \t\r\n")))
    except (ExpatError, ValueError, RecursionError) as error:
        log.debug("XMP left out: %s", error)
        return None


def _without_claims(document: minidom.Document) -> bytes:
    waiting = [document.documentElement]
    while waiting:
        element = waiting.pop()
        assert isinstance(element, minidom.Element)
        for child in list(element.childNodes):
            if isinstance(child, minidom.Element):
                if _is_claim(child):
                    element.removeChild(child)
                else:
                    waiting.append(child)
        for attribute in list(element.attributes.values()):
            if _is_claim(attribute) or BESIDE.get(attribute.value) == "":  # the second: where the namespace is declared
                element.removeAttributeNode(attribute)
    return b"".join(child.toxml("utf-8") for child in document.childNodes)


def _is_claim(node: minidom.Element | minidom.Attr) -> bool:
    names = BESIDE.get(node.namespaceURI or "")
    return names is not None and re.match(names, node.localName or "") is not None
