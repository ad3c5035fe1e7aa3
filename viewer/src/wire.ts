/** What the server answers, as docs/reference/server.md and its OpenAPI say. */

import type { Tumour } from "./colours.js";
import type { ArrayHeader, Report } from "./geometry.js";
import type { Values } from "./volume.js";
import type { ErrorParts } from "./words.js";

export type Xyz = [number, number, number];
export type Edit = { edit: string } & Record<string, unknown>;

export interface Job {
  id: string;
  kind: string;
  study: string | null;
  session: string | null;
  state: string;
  position: number;
  progress: number;
  eta_s: number | null;
}
export interface Approval {
  name: string;
  time: string;
  revision: string;
  stands: boolean;
}
export interface SessionLine {
  id: string;
  start: string;
  begun: string;
  open: boolean;
  approval: Approval | null;
}
export interface Study {
  id: string;
  label: string;
  state:
    | "not-opened" | "waiting" | "predicting" | "ready" | "saved" | "in-session" | "approved" | "failed";
  images: boolean;
  job: Job | null;
  problem: ErrorParts | null;
  sessions: SessionLine[];
}
export interface Studies {
  studies: Study[];
  starts: { id: string; label: string }[];
}
export interface ImageFacts {
  shape: Xyz;
  spacing: Xyz;
  body_start: Xyz;
  body_shape: Xyz;
  pet: boolean;
  notices: { code: string; text: string }[];
}
export interface EditLine {
  id: number;
  edit: Edit;
  told: string;
  report: Report;
}
export interface SessionFacts {
  id: string;
  study: string;
  revision: string;
  start: string;
  begun: string;
  can_undo: boolean;
  can_redo: boolean;
  asks_network: boolean;
  held: boolean;
  held_by_you: boolean;
  approval: Approval | null;
  notes: string[];
  edits: EditLine[];
}
export interface Change {
  revision: string;
  edit_id: number | null;
  report: Report | null;
  changed: { start: Xyz; shape: Xyz } | null;
  latency_s: number;
  can_undo: boolean;
  can_redo: boolean;
}
export interface Lesion {
  class: Tumour;
  number: number;
  inside_mm: Xyz;
  location: string;
  voxels: number;
  volume_ml: number;
  mean_probability: number;
  peak_probability: number;
  mean_entropy: number | null;
  suv_max: number | null;
  apart_mm: number;
  in_field: boolean;
  locked: boolean;
  accepted: boolean;
  confirmed: boolean;
  reasons: string[];
}
export interface NotDrawn {
  class: Tumour;
  volume_ml: number;
  peak_probability: number;
  inside_mm: Xyz;
}
export interface Lesions {
  revision: string;
  lesions: Lesion[];
  not_drawn: NotDrawn[];
  beyond_voxels: number;
}
export interface Suggestion {
  position_mm: Xyz;
  score: number;
  volume_ml: number;
  doubt: number;
  suv_max: number | null;
  label: number;
}
export interface Value {
  hu: number;
  suv: number | null;
  label: number;
  probabilities: Xyz;
  entropy: number | null;
  mutual_information: number | null;
  votes: number;
  locked: boolean;
}
export interface ExportFacts {
  id: string;
  created: string;
  revision: string;
  verdict: string;
  files: { id: string; name: string; bytes: number; sha256: string }[];
  not_written: { name: string; reason: string }[];
  notices: string[];
}
export interface ServerFacts {
  version: string;
  model: string;
  formats: string[];
  lease_s: number;
}
export interface Fetched {
  values: Values;
  header: ArrayHeader;
  revision: string;
}

/** What a change needs beside itself. */
export interface Held {
  lease: string;
  revision: string;
}
