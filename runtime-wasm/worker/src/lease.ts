// Owns: whose machine in the isolate's memory is whose. All objects of an isolate share one linear memory, and the
// platform forgets an object without a word: a machine that its object no longer uses gives its memory back here, or
// the memory would fill with rooms that sleep. An object whose machine is gone makes another.

/** A machine that was not used for so long may go: whoever waits for something sooner is told the time in between. */
const UNUSED_MS = 45_000;

interface Machine {
  free(): void;
}

const leases = new Map<string, Lease<Machine>>();

export class Lease<M extends Machine> {
  #name: string;
  #machine: M | null = null;
  #used = 0;

  /** `name` tells it from those of other objects: the object that has it now is the only one of that name. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The machine, which is used now; null if it was never made, or is gone. */
  get machine(): M | null {
    if (this.#machine !== null) this.#used = Date.now();
    return this.#machine;
  }

  /** Makes the machine, once memory was made for it. */
  take(make: () => M): M {
    const now = Date.now();
    // That of an earlier object of this name, and those that nobody uses any more.
    for (const [name, lease] of leases) if (name === this.#name || now - lease.#used > UNUSED_MS) lease.drop();
    const machine = make();
    this.#machine = machine;
    this.#used = now;
    leases.set(this.#name, this as unknown as Lease<Machine>);
    return machine;
  }

  /** Gives the memory back. */
  drop(): void {
    const machine = this.#machine;
    this.#forget();
    try {
      machine?.free();
    } catch (error) {
      console.warn(`The memory of ${this.#name} could not be given back: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** It has trapped: its memory cannot be had back, and is left. */
  abandon(): void {
    this.#forget();
  }

  #forget(): void {
    this.#machine = null;
    if (leases.get(this.#name) === (this as unknown as Lease<Machine>)) leases.delete(this.#name);
  }
}
