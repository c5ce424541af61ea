"""The sandbox's pages: plain HTML, no file from elsewhere."""

import html

from litestar import MediaType, Response

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}"
    "td,th{text-align:left;padding:.3rem .8rem;vertical-align:top;border-bottom:1px solid #ddd}"
    "button{font:inherit;padding:.2rem .6rem}code{background:#eee}"
)


def page(title: str, body: str, *, refresh_s: int = 0) -> Response[str]:
    refresh = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s else ""
    text = (
        f'<!doctype html><html lang="vi"><meta charset="utf-8">{refresh}<title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}"
    )
    return Response(text, media_type=MediaType.HTML)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th>{html.escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
