"""Which part of an image a query asks for: the same words for every picture."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Query

from hnuiseg.interaction.boxes import Box
from hnuiseg.server.boxes_asked import STEPS, Asked, asked
from hnuiseg.volume import Grid

_Box = Annotated[str | None, Query(max_length=100, description="z0,y0,x0,z1,y1,x1: first, end")]
_Axis = Annotated[Literal["z", "y", "x"] | None, Query(description="with index: one stored slice")]
_Index = Annotated[int | None, Query(ge=0, le=1_000_000)]
_Step = Annotated[  # no Literal: queries are text, and none of its numbers would be found
    int,
    Query(
        json_schema_extra={"enum": list(STEPS)}, description="every so many voxels along each axis"
    ),
]


@dataclass(frozen=True, slots=True)
class _Where:
    box: _Box = None
    axis: _Axis = None
    index: _Index = None
    step: _Step = 1

    def of(self, grid: Grid, usual: Box) -> Asked:
        """Held to an image's grid; `usual` where neither box nor slice is named."""
        return asked(grid, usual, box=self.box, axis=self.axis, index=self.index, step=self.step)


Where = Annotated[_Where, Depends()]
