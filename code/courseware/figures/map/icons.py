"""Signs of parts without parameters, as paths in a square of 24 by 24."""

ICONS = {
    "tokenizer": "M3 8h6v8H3zM11 8h3.5v8H11zM16.5 8H21v8h-4.5z",
    "patches": "M4 4h4.5v4.5H4zM9.8 4h4.5v4.5H9.8zM15.5 4H20v4.5h-4.5z"
    "M4 9.8h4.5v4.5H4zM9.8 9.8h4.5v4.5H9.8zM15.5 9.8H20v4.5h-4.5z"
    "M4 15.5h4.5V20H4zM9.8 15.5h4.5V20H9.8zM15.5 15.5H20V20h-4.5z",
    "norm": "M3 18c6 0 5-12 9-12s3 12 9 12",
    "scores": "M5 5h14v14H5zM5 9.7h14M5 14.3h14M9.7 5v14M14.3 5v14",
    "weights": "M5 5h4.7v4.7h4.6v4.6H19V19H5zM5 9.7h4.7V19M5 14.3h9.3V19",
    "weights, all": "M5 5h14v14H5zM5 9.7h14M5 14.3h14M9.7 5v14M14.3 5v14M6 18 18 6",
    "cache": "M4 5.5h16v5.5H4zM4 13h16v5.5H4zM8 5.5V11M12 5.5V11M16 5.5V11"
    "M8 13v5.5M12 13v5.5M16 13v5.5",
    "activation": "M3 17.5h6c4 0 5-3 12-12",
    "router": "M3 12h6m0 0 9-7m-9 7h12m-12 0 9 7",
    "probabilities": "M4 20h16M6 20v-4M10 20V6M14 20v-9M18 20v-5",
    "sampling": "M5 5h14v14H5zM9 9h.01M15 15h.01M12 12h.01M15 9h.01M9 15h.01",
    "loss": "M4 4v16h16M7 6c1 8 5 11 12 11",
    "rotary": "M12 4a8 8 0 1 0 .01 0M12 12V6.5M12 12l4.5 2.5",
    "sinusoidal": "M3 12c3-10 6-10 9 0s6 10 9 0",
    "learned": "M3 12c3-10 6-10 9 0s6 10 9 0",
    "alibi": "M4 6h4L20 18H8z",
    "t5": "M4 19h4v-4h4v-4h4V7h4",
}


def icon(name: str, x: float, y: float, side: float) -> str:
    """The sign in a square whose middle is (x, y)."""
    corner = f"{x - side / 2:.1f} {y - side / 2:.1f}"
    return (
        f'<path class="i" transform="translate({corner})scale({side / 24:.3g})" d="{ICONS[name]}"/>'
    )
