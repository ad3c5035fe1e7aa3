/** Windows and colour maps, as tables from stored values to what a screen shows. */

/** CT presets: centre and width in HU. */
export const CT_PRESETS: Readonly<Record<string, { centre: number; width: number }>> = {
  "Soft tissue": { centre: 40, width: 400 },
  Bone: { centre: 500, width: 2000 },
  Lung: { centre: -600, width: 1500 },
  Wide: { centre: 0, width: 2400 },
};

type Rgb = readonly [number, number, number];

/**
 * Colours from low to high, evenly spaced, ten of each map: inferno and viridis (S. van der Walt, N. Smith, CC0), cividis
 * (Nuñez, Anderton, Renslow, doi:10.1371/journal.pone.0199239). All but the rainbow can be told apart without red and green.
 */
const MAPS: Readonly<Record<string, readonly string[]>> = {
  Inferno: ["000004", "1b0c41", "4a0c6b", "781c6d", "a52c60", "cf4446", "ed6925", "fb9b06", "f7d13d", "fcffa4"],
  Viridis: ["440154", "482878", "3e4a89", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"],
  Cividis: ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"],
  "Inverted grey": ["ffffff", "000000"],
  Rainbow: ["00007f", "0000ff", "007fff", "00ffff", "7fff7f", "ffff00", "ff7f00", "ff0000", "7f0000"],
};
export const MAP_NAMES: readonly string[] = Object.keys(MAPS);

/** Opaque colours, 256 of them, as red, green, blue one after the other. */
export function colourTable(name: string): Uint8Array {
  const stops = (MAPS[name] ?? MAPS.Inferno ?? []).map(rgbOf);
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(place));
    const [a, b] = [stops[low] ?? [0, 0, 0], stops[low + 1] ?? [0, 0, 0]];
    for (const k of [0, 1, 2] as const) {
      table[3 * i + k] = Math.round(a[k] + (b[k] - a[k]) * (place - low));
    }
  }
  return table;
}

function rgbOf(hex: string): Rgb {
  const value = parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Grey of every stored int16, found at value + 32768. */
export function ctTable(centre: number, width: number): Uint8Array {
  const table = new Uint8Array(65536);
  const low = centre - width / 2;
  for (let hu = -32768; hu < 32768; hu++) {
    table[hu + 32768] = Math.round(Math.min(1, Math.max(0, (hu - low) / width)) * 255);
  }
  return table;
}

/** Step of a colour table, 0 to 255, of every stored uint16 between two SUVs. */
export function petTable(slope: number, from: number, to: number): Uint8Array {
  const table = new Uint8Array(65536);
  const width = Math.max(to - from, 1e-6);
  for (let stored = 0; stored < 65536; stored++) {
    table[stored] = Math.round(Math.min(1, Math.max(0, (stored * slope - from) / width)) * 255);
  }
  return table;
}

/** Colours of the classes: vermilion and sky blue, which every common kind of colour vision tells apart. */
export const CLASS_COLOURS = { GTVp: "#ff7a45", GTVn: "#5cc8ff" } as const;
/** GTVn is also dashed, so that shape tells what colour may not. */
export const CLASS_DASHES = { GTVp: [], GTVn: [5, 3] } as const;
export type Tumour = keyof typeof CLASS_COLOURS;
export const TUMOURS: readonly Tumour[] = ["GTVp", "GTVn"];
export const VALUE_OF: Readonly<Record<Tumour, number>> = { GTVp: 1, GTVn: 2 };
