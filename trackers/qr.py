"""A QR code as SVG: black on white with its quiet zone, one path, no picture file and no style of its own."""

from django.utils.safestring import mark_safe

QUIET = 4  # modules of white around it, as readers expect


def svg(text, title):
    """The QR code of `text` as an <svg> element; `title` is read aloud instead of it (plain words, no markup)."""
    import qrcode  # 30 ms that only a page with a code pays

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=QUIET)
    code.add_data(text)
    rows = code.get_matrix()
    side = len(rows)
    path = "".join(
        f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for x, length in _runs(row)
    )  # one piece for each run of dark modules
    return mark_safe(
        f'<svg class="qr" viewBox="0 0 {side} {side}" role="img" aria-label="{title}" shape-rendering="crispEdges">'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )


def _runs(row):
    """(start, length) of each run of dark modules in a row."""
    start = None
    for x, is_dark in enumerate([*row, False]):
        if is_dark and start is None:
            start = x
        elif not is_dark and start is not None:
            yield start, x - start
            start = None
