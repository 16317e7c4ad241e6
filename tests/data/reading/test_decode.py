"""Every mode and format against pixels computed by hand; no bytes whatever end in another error."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pgpipe.data.reading.decode import MAX_PIXELS, Channels, Rejected, decode, to_rgb
from pgpipe.images import Images

GRAY, TRUECOLOUR, GRAY_ALPHA, RGB_ALPHA = 0, 2, 4, 6  # PNG's colour types

# 3 x 2, no two pixels alike, no symmetry
ASYMMETRIC = np.arange(18, dtype=np.uint8).reshape(3, 2, 3) * 14


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(
    width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def png16(colour: int, *values: int, extra: bytes = b"") -> bytes:
    """One row of 16-bit samples."""
    samples = {GRAY: 1, TRUECOLOUR: 3, GRAY_ALPHA: 2, RGB_ALPHA: 4}[colour]
    rows = b"\0" + struct.pack(f">{len(values)}H", *values)
    return raw_png(len(values) // samples, 1, 16, colour, rows, extra)


def palette_png(**options: Any) -> bytes:
    """Two pixels, of the palette's colours (10, 20, 30) and (40, 50, 60)."""
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    return encoded(picture, **options)


def colours(data: bytes) -> list[list[int]]:
    """The pixels of a file of one row."""
    found: list[list[int]] = decode(data, "x", 3)[0].tolist()
    return found


def grays(data: bytes) -> list[int]:
    found: list[int] = decode(data, "x", 1)[0, :, 0].tolist()
    return found


def photo(height: int = 24, width: int = 40) -> Image.Image:
    """Smooth colours, so that lossy formats stay close."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return Image.fromarray((np.stack([x, y, 1 - x], axis=-1) * 255).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_result_is_writable_uint8_of_the_asked_channels(channels: Channels) -> None:
    pixels = decode(encoded(photo(24, 40)), "x", channels)
    assert pixels.shape == (24, 40, channels)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable


def test_lossless_formats_give_the_exact_pixels() -> None:
    picture = Image.fromarray(ASYMMETRIC)
    np.testing.assert_array_equal(decode(encoded(picture), "x", 3), ASYMMETRIC)
    webp = encoded(picture, "WEBP", lossless=True, quality=100)
    np.testing.assert_array_equal(decode(webp, "x", 3), ASYMMETRIC)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_give_nearly_the_pixels(kind: str) -> None:
    pixels = decode(encoded(photo(), kind, quality=95), "x", 3).astype(int)
    assert np.abs(pixels - np.asarray(photo())).mean() < 4


def test_rgb_to_gray_is_itu_r_601() -> None:
    row = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 150, 200]]], np.uint8)
    # 0.299 R + 0.587 G + 0.114 B: 76.2, 149.7, 29.1, 140.75
    assert grays(encoded(Image.fromarray(row))) == [76, 150, 29, 141]


def test_gray_stays_gray_in_both_channel_counts() -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    data = encoded(Image.fromarray(levels))
    assert grays(data) == levels[0].tolist()
    assert colours(data) == [[v, v, v] for v in range(256)]


@pytest.mark.parametrize(
    ("bits", "row", "expected"),
    [(1, 0b01000000, [0, 255]), (2, 0b01110000, [85, 255]), (4, 0x1B, [17, 187])],
)
def test_gray_of_few_bits_spans_0_to_255(bits: int, row: int, expected: list[int]) -> None:
    assert grays(raw_png(2, 1, bits, GRAY, bytes([0, row]))) == expected


def test_16_bit_gray_is_divided_by_257_and_rounded() -> None:
    values = [0, 128, 129, 255, 256, 257, 32896, 65406, 65407, 65535]
    assert grays(png16(GRAY, *values)) == [0, 0, 1, 1, 1, 1, 128, 254, 255, 255]


def test_transparent_value_of_16_bit_gray_is_white() -> None:
    data = png16(GRAY, 0, 2570, 0, extra=chunk(b"tRNS", b"\0\0"))
    assert colours(data) == [[255] * 3, [10] * 3, [255] * 3]


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I"])
def test_every_integer_mode_is_scaled(mode: str) -> None:
    order = {"I;16B": ">u2", "I": "<i4"}.get(mode, "<u2")
    values = np.array([0, 257, 32896, 65535], order)
    picture = Image.frombytes(mode, (4, 1), values.tobytes())
    assert np.asarray(to_rgb(picture))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_integers_beyond_16_bits_are_clipped() -> None:
    picture = Image.frombytes("I", (2, 1), np.array([-5, 1 << 20], "<i4").tobytes())
    assert np.asarray(to_rgb(picture))[0, :, 0].tolist() == [0, 255]


def test_16_bit_colours_keep_their_high_byte() -> None:
    assert colours(png16(TRUECOLOUR, 0, 0x80FF, 0xFFFF)) == [[0, 0x80, 0xFF]]
    assert colours(png16(GRAY_ALPHA, 0x0A00, 0xFFFF, 0x0A00, 0)) == [[10] * 3, [255] * 3]
    assert colours(png16(RGB_ALPHA, 0x0A00, 0x1400, 0x1E00, 0xFFFF)) == [[10, 20, 30]]


def test_alpha_is_composed_over_white() -> None:
    # 128/255 of v over white is v * 0.502 + 255 * 0.498: 0 -> 127, 100 -> 177
    rgba = np.array([[[100, 0, 0, 128], [1, 2, 3, 0], [1, 2, 3, 255]]], np.uint8)
    expected = [[177, 127, 127], [255, 255, 255], [1, 2, 3]]
    assert colours(encoded(Image.fromarray(rgba))) == expected
    exact = {"lossless": True, "exact": True}
    assert colours(encoded(Image.fromarray(rgba), "WEBP", **exact)) == expected


def test_gray_with_alpha_is_composed_over_white() -> None:
    data = encoded(Image.frombytes("LA", (3, 1), bytes([0, 128, 9, 0, 9, 255])))
    assert grays(data) == [127, 255, 9]


def test_palette_with_and_without_transparency() -> None:
    assert colours(palette_png()) == [[10, 20, 30], [40, 50, 60]]
    assert colours(palette_png(transparency=1)) == [[10, 20, 30], [255, 255, 255]]
    assert colours(palette_png(transparency=b"\xff\x00")) == [[10, 20, 30], [255, 255, 255]]
    assert grays(palette_png()) == [18, 48]  # 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15


def test_transparent_colour_without_alpha_channel_is_white() -> None:
    row = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert colours(encoded(row, transparency=(1, 2, 3))) == [[255, 255, 255], [4, 5, 6]]
    gray = Image.fromarray(np.array([[7, 9]], np.uint8))
    assert grays(encoded(gray, transparency=7)) == [255, 9]


def test_cmyk_jpeg_is_inked_on_white() -> None:
    ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    pixels = decode(encoded(ink, "JPEG", quality=100), "x", 3)
    np.testing.assert_allclose(pixels, np.broadcast_to([0, 255, 255], (8, 8, 3)), atol=2)
    assert to_rgb(Image.new("CMYK", (1, 1), (0, 0, 0, 255))).getpixel((0, 0)) == (0, 0, 0)


def test_ycbcr_is_converted() -> None:
    red = Image.new("YCbCr", (8, 8), (76, 85, 255))  # JFIF: pure red is Y 76, Cb 85, Cr 255
    np.testing.assert_allclose(np.asarray(to_rgb(red))[0, 0], [254, 0, 0], atol=2)
    pixels = decode(encoded(red, "JPEG", quality=100), "x", 3)
    np.testing.assert_allclose(pixels[4, 4], [254, 0, 0], atol=3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    assert Image.open(io.BytesIO(data)).n_frames == 3  # type: ignore[attr-defined]
    assert (decode(data, "x", 3) == [255, 0, 0]).all()


UPRIGHT = {  # EXIF 2.32, tag 0x0112: where row 0 and column 0 of what is stored belong
    1: ASYMMETRIC,
    2: ASYMMETRIC[:, ::-1],
    3: np.rot90(ASYMMETRIC, 2),
    4: ASYMMETRIC[::-1],
    5: ASYMMETRIC.swapaxes(0, 1),
    6: np.rot90(ASYMMETRIC, -1),
    7: np.rot90(ASYMMETRIC, 2).swapaxes(0, 1),
    8: np.rot90(ASYMMETRIC, 1),
}


@pytest.mark.parametrize(("orientation", "upright"), UPRIGHT.items())
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_exif_orientation_is_honoured(orientation: int, upright: Images, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(ASYMMETRIC), kind, exif=exif, lossless=True)
    np.testing.assert_array_equal(decode(data, "x", 3), upright)


def test_exif_orientation_turns_16_bit_gray_and_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    deep = Image.fromarray(np.array([[0, 257], [514, 771]], np.uint16))
    assert decode(encoded(deep, exif=exif), "x", 1)[..., 0].tolist() == [[2, 0], [3, 1]]
    assert decode(encoded(photo(24, 40), "JPEG", exif=exif), "x", 3).shape == (40, 24, 3)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "PPM", "ICO"])
def test_other_formats_are_refused_whatever_their_name(kind: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(encoded(photo(), kind), "photo.png", 3)
    named = {"GIF", "TIFF", "BMP"}  # what people have
    what = "not a JPEG, PNG or WebP image" + (f", but {kind}" if kind in named else "")
    assert caught.value.reason == what
    assert str(caught.value) == f"photo.png: {what}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"hello, I am a text\n" * 9,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x10\0\0\0WEBPVP8 ",
    ],
)
def test_no_image_at_all_is_rejected(data: bytes) -> None:
    with pytest.raises(Rejected):
        decode(data, "photo.png", 3)


@pytest.mark.parametrize("size", [(MAX_PIXELS + 1, 1), (8193, 8192), (1 << 15, 1 << 15)])
def test_bombs_are_rejected_by_their_header(size: tuple[int, int]) -> None:
    with pytest.raises(Rejected, match=f"more than {MAX_PIXELS} pixels"):
        decode(raw_png(*size, 8, TRUECOLOUR, b""), "bomb.png", 3)


def test_bomb_in_a_text_chunk_is_rejected() -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 24)))
    with pytest.raises(Rejected):
        decode(raw_png(1, 1, 8, GRAY, b"\0\0", text), "text.png", 1)


def outcome(data: bytes) -> Images | str:
    """The pixels, or why there are none."""
    try:
        return decode(data, "x", 3)
    except Rejected as verdict:
        return verdict.reason


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {})]
)
def test_truncated_files_are_rejected_at_any_length(kind: str, options: dict[str, Any]) -> None:
    data = encoded(photo(), kind, **options)
    complete = len(data) - 4 if kind == "PNG" else len(data)  # its end marker has a checksum
    for length in {*range(0, complete, 7), *range(complete - 40, complete)}:
        assert isinstance(outcome(data[:length]), str), length


@pytest.mark.parametrize("position", [0.2, 0.5, 0.9])
def test_one_wrong_bit_in_png_pixels_is_found_by_its_checksum(position: float) -> None:
    data = bytearray(encoded(photo()))
    start, end = data.index(b"IDAT") + 4, data.index(b"IEND") - 8
    data[start + int(position * (end - start))] ^= 1
    with pytest.raises(Rejected, match="corrupt"):
        decode(bytes(data), "x", 3)


@pytest.mark.parametrize("within", [150, None])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_wrong_bytes_end_in_pixels_or_in_a_rejection(kind: str, within: int | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = np.frombuffer(encoded(photo(), kind, exif=exif), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(150):
        data = whole.copy()
        places = rng.integers(0, within or len(data), rng.integers(1, 8))
        data[places] = rng.integers(0, 256, len(places))
        result = outcome(data.tobytes())
        if isinstance(result, str):
            assert 0 < len(result) <= 120
            assert result.isprintable()
            assert "0x" not in result  # an address would differ from run to run
        else:
            assert result.dtype == np.uint8
            assert result.shape[2] == 3


def test_out_of_memory_is_no_verdict_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(data: bytes) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr("pgpipe.data.reading.decode.load", load)
    with pytest.raises(MemoryError):
        decode(encoded(photo()), "x", 3)


# Bombs


def many_scans(scans: int) -> bytes:
    """A progressive JPEG of 2048x2048 that repeats a scan of a few bytes."""
    buffer = io.BytesIO()
    Image.new("L", (2048, 2048), 90).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    start = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)  # the second: of AC coefficients
    end = min(place for m in (b"\xff\xda", b"\xff\xc4") if (place := data.find(m, start + 2)) > 0)
    return data[:end] + data[start:end] * scans + data[end:]


def multi_picture(data: bytes) -> bytes:
    """The same JPEG as the first of two pictures, by the header of CIPA DC-007."""
    entries = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    entries += struct.pack("<HHII", 0xB002, 7, 32, 8 + 2 + 3 * 12 + 4)
    pictures = struct.pack("<IIIHH", 0x20030000, len(data), 0, 0, 0) + bytes(16)
    body = b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + entries + bytes(4) + pictures
    return data[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize("dressed", [bytes, multi_picture])
def test_scan_bombs_are_refused_whatever_their_header(dressed: Callable[[bytes], bytes]) -> None:
    bomb = dressed(many_scans(1500))
    assert len(bomb) < 200_000
    with pytest.raises(Rejected, match="too many scans, as bombs have"):
        decode(bomb, "bomb.jpg", 3)


def test_pictures_of_several_and_progressive_ones_are_read() -> None:
    data = multi_picture(many_scans(0))
    assert Image.open(io.BytesIO(data)).format == "MPO"
    np.testing.assert_array_equal(decode(data, "a.jpg", 1), decode(many_scans(0), "b.jpg", 1))
