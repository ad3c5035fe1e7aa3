/** What all panes show together: images, the cursor, previews, marks; told when something changes. */

import { colourTable, ctTable, petTable, TUMOURS, VALUE_OF, type Tumour } from "./colours.js";
import type { Display } from "./display.js";
import { nearest, worldOf, type Direction, type Frame, type Triple } from "./geometry.js";
import type { Pictures } from "./pictures.js";
import { Signal } from "./signal.js";
import type { Cut, Volume } from "./volume.js";

export interface ClickMark {
  place: Triple;
  positive: boolean;
  colour: string;
  waits: boolean;
}

export interface Stroke {
  /** Places passed over; a new way begins where the pointer came back into the image. */
  ways: Triple[][];
  hover: Triple | undefined;
  radiusMm: number;
  colour: string;
  cut: Cut;
}

/** Lowest and highest voxel of a box. */
export type Box = readonly [Triple, Triple];

export class Scene {
  cursor: [number, number, number];
  /** Labels at a threshold that is tried. */
  preview: Volume<Uint8Array> | undefined;
  /** Where the next click could change anything. */
  region: Volume<Uint8Array> | undefined;
  clicks: ClickMark[] = [];
  /** What is being drawn; what was sent stays in sight until its answer is. */
  stroke: Stroke | undefined;
  readonly sent = new Set<Stroke>();
  box: Box | undefined;
  readonly sentBoxes = new Set<Box>();
  /** The first of two places that a tool asks for. */
  picked: Triple | undefined;
  greys!: Uint8Array;
  petSteps!: Uint8Array;
  petColours!: Uint8Array;
  heatColours!: Uint8Array;
  /** Counts changes of windows and colours. */
  looks = 0;
  readonly images = new Signal();
  readonly marks = new Signal();
  readonly moved = new Signal();

  constructor(
    readonly pictures: Pictures,
    readonly display: Display,
  ) {
    const { size } = pictures.frame;
    this.cursor = nearest(pictures.frame, [size[0] / 2, size[1] / 2, size[2] / 2]);
    this.tables();
    display.changed.on(() => {
      this.tables();
      this.images.tell();
    });
    pictures.changed.on(() => {
      if (pictures.pet?.header.slope !== this.slope) this.tables();
      this.images.tell();
    });
  }

  get frame(): Frame {
    return this.pictures.frame;
  }

  /** The cursor in LPS mm. */
  get position(): [number, number, number] {
    return worldOf(this.frame, this.cursor);
  }

  /** What is drawn at a place. */
  tumourAt(place: Triple): Tumour | undefined {
    const label = this.pictures.labels?.at(nearest(this.frame, place));
    return TUMOURS.find((tumour) => VALUE_OF[tumour] === label);
  }

  moveTo(place: Triple): void {
    const next = nearest(this.frame, place);
    const same = next.every((v, k) => v === this.cursor[k]);
    if (same) return;
    this.cursor = next;
    this.moved.tell();
  }

  moveAlong(along: Direction, index: number): void {
    const next: [number, number, number] = [...this.cursor];
    next[along] = index;
    this.moveTo(next);
  }

  private slope: number | undefined;

  private tables(): void {
    const { look } = this.display;
    this.looks++;
    this.slope = this.pictures.pet?.header.slope;
    this.greys = ctTable(look.centre, look.width);
    this.petSteps = petTable(this.slope ?? 1, look.petFrom, look.petTo);
    this.petColours = colourTable(look.petMap);
    this.heatColours = colourTable(look.heatMap);
  }
}
