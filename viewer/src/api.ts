/** Every request of the page, typed; refusals become `Trouble`, with the server's own code. */

import type { Tumour } from "./colours.js";
import type { ArrayHeader } from "./geometry.js";
import { breathe } from "./signal.js";
import { valuesOf } from "./volume.js";
import type {
  Approval, Change, Edit, ExportFacts, Fetched, Held, ImageFacts, Job,
  Lesions, ServerFacts, SessionFacts, Studies, Suggestion, Value, Xyz,
} from "./wire.js";
import { GONE, said, type ErrorParts } from "./words.js";

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

  /** For a tab that closes: nobody waits for the answer. */
  letGo(session: string, lease: string): void {
    const request = { method: "DELETE", headers: { "Hnuiseg-Lease": lease }, keepalive: true };
    fetch(`${at(session)}/lease`, request).catch(() => undefined);
  }

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
