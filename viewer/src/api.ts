/** Every request of the page, typed; refusals become `Trouble`, with the server's own code. */

import type { ArrayHeader, Report } from "./geometry.js";
import { breathe } from "./signal.js";
import { valuesOf, type Values } from "./volume.js";
import { GONE, said, type ErrorParts } from "./words.js";
import type { Tumour } from "./colours.js";

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
  mean_entropy: number | null;
  suv_max: number | null;
  apart_mm: number;
  in_field: boolean;
  locked: boolean;
  accepted: boolean;
  reasons: string[];
}
export interface Lesions {
  revision: string;
  lesions: Lesion[];
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

/** A refusal, or no answer at all. `message` is meant for people. */
export class Trouble extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly revision: string = "",
  ) {
    super(message);
  }
}

/** What a change needs beside itself. */
export interface Held {
  lease: string;
  revision: string;
}

export class Api {
  /** Told after each request whether the server answered (true), was gone, or knows us no more. */
  heard: (state: "answers" | "gone" | "not-admitted") => void = () => {};

  server = (): Promise<ServerFacts> => this.json("GET", "/api/server");
  studies = (): Promise<Studies> => this.json("GET", "/api/studies");
  image = (study: string): Promise<ImageFacts> => this.json("GET", `/api/studies/${study}/image`);
  automatic = (study: string): Promise<Job> => this.json("POST", `/api/studies/${study}/automatic`);
  cancel = (job: string): Promise<null> => this.json("DELETE", `/api/queue/${job}`);
  queue = (): Promise<{ jobs: Job[] }> => this.json("GET", "/api/queue");
  begin = (study: string, start: string): Promise<SessionFacts> =>
    this.json("POST", "/api/sessions", { study, start });
  open = (session: string): Promise<SessionFacts> => this.json("POST", `${at(session)}/open`);
  session = (session: string, lease: string): Promise<SessionFacts> =>
    this.json("GET", at(session), undefined, { lease });
  close = (session: string, lease: string): Promise<null> =>
    this.json("POST", `${at(session)}/close`, undefined, { lease });
  take = (session: string, lease: string, over: boolean): Promise<{ lease: string; lasts_s: number }> =>
    this.json("POST", `${at(session)}/lease`, { take_over: over }, { lease });
  renew = (session: string, lease: string): Promise<{ lease: string; lasts_s: number }> =>
    this.json("PUT", `${at(session)}/lease`, undefined, { lease });
  letGo = (session: string, lease: string): Promise<null> =>
    this.json("DELETE", `${at(session)}/lease`, undefined, { lease });
  edit = (session: string, edit: Edit, held: Held): Promise<Change> =>
    this.json("POST", `${at(session)}/edits`, { edit }, held);
  removeEdit = (session: string, edit: number, held: Held): Promise<Change> =>
    this.json("DELETE", `${at(session)}/edits/${edit}`, undefined, held);
  undo = (session: string, held: Held): Promise<Change> =>
    this.json("POST", `${at(session)}/undo`, undefined, held);
  redo = (session: string, held: Held): Promise<Change> =>
    this.json("POST", `${at(session)}/redo`, undefined, held);
  approve = (session: string, name: string, held: Held): Promise<Approval> =>
    this.json("POST", `${at(session)}/approval`, { name }, held);
  write = (session: string, formats: string[], held: Held): Promise<ExportFacts> =>
    this.json("POST", `${at(session)}/exports`, { formats }, held);
  exports = (session: string): Promise<{ exports: ExportFacts[] }> =>
    this.json("GET", `${at(session)}/exports`);
  lesions = (session: string): Promise<Lesions> => this.json("GET", `${at(session)}/lesions`);
  suggestions = (session: string, count: number): Promise<{ suggestions: Suggestion[] }> =>
    this.json("GET", `${at(session)}/suggestions?count=${count}`);
  value = (session: string, [x, y, z]: Xyz, signal?: AbortSignal): Promise<Value> =>
    this.json("GET", `${at(session)}/value?x=${x}&y=${y}&z=${z}`, undefined, {}, signal);

  picture = (study: string, kind: "ct" | "pet", query: string, signal?: AbortSignal): Promise<Fetched> =>
    this.array("GET", `/api/studies/${study}/${kind}${query}`, undefined, signal);
  map = (session: string, name: string, query: string, signal?: AbortSignal): Promise<Fetched> =>
    this.array("GET", `${at(session)}/maps/${name}${query}`, undefined, signal);
  region = (session: string, edit: Edit, signal?: AbortSignal): Promise<Fetched> =>
    this.array("POST", `${at(session)}/region`, { edit }, signal);
  preview = (session: string, tumour: Tumour, value: number, signal?: AbortSignal): Promise<Fetched> =>
    this.array("POST", `${at(session)}/threshold-preview`, { class: tumour, value }, signal);

  fileAddress(made: string, file: string): string {
    return `/api/exports/${made}/${file}`;
  }

  private async json<T>(
    method: string,
    path: string,
    body?: unknown,
    held: Partial<Held> = {},
    signal?: AbortSignal,
  ): Promise<T> {
    const answer = await this.asked(method, path, body, held, signal);
    if (answer.status === 204) return null as T;
    try {
      return (await answer.json()) as T;
    } catch (error) {
      throw this.broken(error);
    }
  }

  private async array(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Fetched> {
    const answer = await this.asked(method, path, body, {}, signal);
    const header = JSON.parse(answer.headers.get("Hnuiseg-Array") ?? "{}") as ArrayHeader;
    try {
      const values = valuesOf(await bytesOf(answer, header), header.dtype);
      return { values, header, revision: unquoted(answer.headers.get("ETag")) };
    } catch (error) {
      throw this.broken(error);
    }
  }

  private async asked(
    method: string,
    path: string,
    body: unknown,
    held: Partial<Held>,
    signal?: AbortSignal,
  ): Promise<Response> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (held.lease) headers["Hnuiseg-Lease"] = held.lease;
    if (held.revision) headers["If-Match"] = `"${held.revision}"`;
    const request: RequestInit = { method, headers, cache: "no-store" };
    if (body !== undefined) request.body = JSON.stringify(body);
    if (signal) request.signal = signal;
    let answer: Response;
    try {
      answer = await fetch(path, request);
    } catch (error) {
      throw this.broken(error);
    }
    this.heard(answer.status === 401 ? "not-admitted" : "answers");
    if (answer.ok) return answer;
    throw await refusal(answer);
  }

  /** A request that was broken off by us, or by a server that is gone. */
  private broken(error: unknown): Trouble {
    if (error instanceof DOMException && error.name === "AbortError") {
      return new Trouble("aborted", "It was broken off.");
    }
    this.heard("gone");
    return new Trouble("gone", GONE);
  }
}

/** A body piece by piece: a hundred megabytes at once would hold the page up. */
async function bytesOf(answer: Response, header: ArrayHeader): Promise<ArrayBuffer> {
  const each = header.dtype === "|u1" ? 1 : 2;
  const length = header.shape[0] * header.shape[1] * header.shape[2] * each;
  const whole = new Uint8Array(length);
  const reader = answer.body?.getReader();
  let at = 0;
  let began = performance.now();
  for (;;) {
    if (performance.now() - began > 12) {
      await breathe(); // pieces that lie ready come without a pause between them
      began = performance.now();
    }
    const piece = await reader?.read();
    if (!piece || piece.done) break;
    whole.set(piece.value, at);
    at += piece.value.length;
  }
  if (at !== length) throw new TypeError("a body that was cut off");
  return whole.buffer;
}

async function refusal(answer: Response): Promise<Trouble> {
  const revision = unquoted(answer.headers.get("ETag"));
  try {
    const { error } = (await answer.json()) as { error: ErrorParts };
    return new Trouble(error.code, said(error), revision);
  } catch {
    return new Trouble("unreadable", "The server answered in a way that this page can't read. Try again.");
  }
}

function at(session: string): string {
  return `/api/sessions/${session}`;
}

function unquoted(tag: string | null): string {
  return (tag ?? "").replace(/^W\//, "").replace(/^"|"$/g, "");
}

/** What is said of any error. */
export function told(error: unknown): string {
  if (error instanceof Trouble) return error.message;
  return "Something went wrong in this page; what was done is kept. Reload it.";
}
