"""One colour a class, the same in RTSTRUCT and report.

A light vermilion and sky blue of Okabe and Ito's palette, told apart by colour-blind readers and on
grey images ("Color Universal Design", 2008).
"""

COLOURS: dict[str, tuple[int, int, int]] = {"GTVp": (255, 110, 30), "GTVn": (86, 180, 233)}
