/** The images and maps of a session as they are in this page: coarse ones first, then all of them. */

import type { Api } from "./api.js";
import { frameOf, fullHeader, storedSlice, type Direction, type Frame, type Triple } from "./geometry.js";
import { HEAT_MAPS, type Heat } from "./display.js";
import { projected, type Projection } from "./mip.js";
import { breathe, Signal } from "./signal.js";
import { Volume, type Cut, type Plane } from "./volume.js";
import type { Change, Fetched, ImageFacts } from "./wire.js";

/** More voxels than this are first sent every fourth along each axis. */
const COARSE_FROM = 4_000_000;
const AXES = ["z", "y", "x"] as const;
const KEPT_SLICES = 60;

export class Pictures {
  ct: Volume<Int16Array> | undefined;
  pet: Volume<Uint16Array> | undefined;
  labels: Volume<Uint8Array> | undefined;
  locked: Volume<Uint8Array> | undefined;
  /** Whether any voxel may be locked: a page without locks needn't look for them at every slice. */
  locks = false;
  mip: Projection | undefined;
  /** How far full images are: 0 to 1. */
  loaded = 0;
  readonly changed = new Signal();
  private readonly heats = new Map<string, Volume<Uint8Array> | "asked">();
  private heatsOf = 0; // counts changes: an answer to an older question is dropped
  private readonly ending = new AbortController();

  private constructor(
    private readonly api: Api,
    private readonly session: string,
    private readonly study: string,
    readonly facts: ImageFacts,
    readonly frame: Frame,
  ) {}

  /** Pictures with something to see; the rest comes by `complete`. */
  static async opened(api: Api, session: string, study: string): Promise<Pictures> {
    const facts = await api.image(study);
    const voxels = facts.body_shape.reduce((a, b) => a * b, 1);
    const query = voxels > COARSE_FROM ? "?step=4" : "?step=1";
    const [ct, labels] = await Promise.all([
      api.picture(study, "ct", query),
      api.map(session, "labels", query),
    ]);
    const frame = frameOf(fullHeader(ct.header, facts.body_start, facts.body_shape));
    const made = new Pictures(api, session, study, facts, frame);
    made.ct = volume(ct, frame);
    made.labels = volume(labels, frame);
    return made;
  }

  /** Whether labels are whole, so that edits can be shown. */
  get whole(): boolean {
    return this.labels?.header.step === 1 && this.locked !== undefined;
  }

  async complete(): Promise<void> {
    const coarse = this.ct?.header.step !== 1;
    const total = this.facts.pet ? 4 : 3;
    let done = 0;
    const step = (): void => {
      this.loaded = ++done / total;
      this.changed.tell();
    };
    if (this.facts.pet && coarse) {
      this.pet = volume(await this.picture("pet", "?step=4"), this.frame);
      this.changed.tell();
    }
    if (coarse) this.labels = volume(await this.map("labels", "?step=1"), this.frame);
    step();
    this.lock(volume(await this.map("locked", "?step=1"), this.frame));
    step();
    if (coarse) this.ct = volume(await this.picture("ct", "?step=1"), this.frame);
    step();
    if (this.facts.pet) {
      this.pet = volume(await this.picture("pet", "?step=1"), this.frame);
      step();
      this.mip = await projected(this.pet, breathe);
      this.changed.tell();
    }
  }

  /** Labels and locks anew, as after a change that somebody else made. */
  async again(): Promise<void> {
    this.forgetHeats();
    const [labels, locked] = await Promise.all([
      this.map("labels", "?step=1"),
      this.map("locked", "?step=1"),
    ]);
    this.labels = volume(labels, this.frame);
    this.lock(volume(locked, this.frame));
    this.changed.tell();
  }

  /** What a change touched, and nothing else. */
  async patched(changed: Change["changed"]): Promise<void> {
    if (changed) {
      this.forgetHeats();
      const end = changed.start.map((first, k) => first + (changed.shape[k] ?? 0));
      const query = `?box=${[...changed.start, ...end].join(",")}`;
      const [labels, locked] = await Promise.all([
        this.map("labels", query),
        this.map("locked", query),
      ]);
      this.labels?.take(labels.values, labels.header);
      this.locked?.take(locked.values, locked.header);
      this.locks ||= locked.values.includes(1);
    }
    this.changed.tell();
  }

  /** A slice of a heat map; undefined while it is on its way. */
  heat(kind: Heat, cut: Cut, index: number): Plane<Uint8Array> | undefined {
    const asked = HEAT_MAPS[kind];
    if (!asked) return undefined;
    const [axis, stored] = storedSlice(this.frame, cut.through, index);
    const key = `${kind} ${axis} ${stored}`;
    const found = this.heats.get(key);
    if (found instanceof Volume) return found.plane(cut, index);
    if (!found) void this.fetchHeat(key, asked, axis, stored);
    return undefined;
  }

  /** The largest stored value of a map, and which one means "not sampled". */
  heatScale(kind: Heat): { highest: number; notSampled: number | undefined } {
    return kind === "Uncertainty" || kind === "Disagreement"
      ? { highest: 254, notSampled: 255 }
      : { highest: 255, notSampled: undefined };
  }

  close(): void {
    this.ending.abort();
  }

  private async fetchHeat(
    key: string,
    asked: { map: string; query: string },
    axis: Direction,
    stored: number,
  ): Promise<void> {
    const question = this.heatsOf;
    this.heats.set(key, "asked");
    try {
      await new Promise((resolve) => setTimeout(resolve, 40)); // a wheel turns fast
      const query = `?axis=${AXES[axis]}&index=${stored}${asked.query}`;
      const fetched = await this.map(asked.map, query);
      if (question !== this.heatsOf) return;
      this.heats.set(key, volume(fetched, this.frame));
      for (const old of this.heats.keys()) {
        if (this.heats.size <= KEPT_SLICES) break;
        this.heats.delete(old);
      }
      this.changed.tell();
    } catch {
      if (question === this.heatsOf) this.heats.delete(key); // asked again when it is next shown
    }
  }

  private lock(locked: Volume<Uint8Array>): void {
    this.locked = locked;
    this.locks = locked.values.includes(1);
  }

  private forgetHeats(): void {
    this.heatsOf++;
    this.heats.clear();
  }

  private picture(kind: "ct" | "pet", query: string): Promise<Fetched> {
    return this.api.picture(this.study, kind, query, this.ending.signal);
  }

  private map(name: string, query: string): Promise<Fetched> {
    return this.api.map(this.session, name, query, this.ending.signal);
  }
}

/** A fetched array; its type is the one that its address always has. */
export function volume<T extends Volume["values"]>(fetched: Fetched, frame: Frame): Volume<T> {
  return new Volume(fetched.values as T, fetched.header, frame);
}

/** A voxel of the frame, as the page's places are. */
export type Voxel = Triple;
