// What every JavaScript rival does with a message: read it, check its numbers, say it anew with its sender's name. It is
// the least that a server of this app must do; none of them keeps rates, presence or state.

const MOST = 1e9;
const isPlace = (value) => typeof value === "number" && Math.abs(value) <= MOST;

/** The frame that the others get, or null. */
export function relay(text, clientId) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  const { type, data } = message ?? {};
  if (type !== "cursor:move" && type !== "image:transform") return null;
  if (!isPlace(data?.x) || !isPlace(data?.y)) return null;
  return JSON.stringify({ type, data, clientId });
}
