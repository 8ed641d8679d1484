// Owns: what the room knows of all this.

export { type Here, MOST_BYTES, type Noted, type Order, Projection, type Written } from './projection';
