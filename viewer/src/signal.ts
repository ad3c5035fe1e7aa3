/** Something that others hear of when it changes. */

export class Signal<T = void> {
  private readonly hearers = new Set<(value: T) => void>();

  /** Hear of every change; the answer ends that. */
  on(hearer: (value: T) => void): () => void {
    this.hearers.add(hearer);
    return () => this.hearers.delete(hearer);
  }

  tell(value: T): void {
    for (const hearer of [...this.hearers]) hearer(value);
  }
}

/** Let the page draw and answer before going on. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
