// Kanvas, Clerk's own verifier and PyJWT judge the same tokens. Wherever Kanvas takes a token, both must; wherever it
// alone refuses, the kind is in the list below, with why. A line of the list that is not seen fails as well.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { NOW, PEM, cases } from "./tokens.mjs";

const { KANVAS_JUDGE, PYTHON_JUDGE, NODE_JUDGE } = process.env;
const { verifyToken } = createRequire(`${NODE_JUDGE}/`)("@clerk/backend");

// Kind, who would take some token of it, and why Kanvas does not.
const STRICTER = [
  ["typ", "pyjwt", "Clerk's tokens are of the type JWT, in capitals"],
  ["crit", "clerk", "RFC 7515: what must be understood and is not is refused"],
  ["crit of nothing", "clerk", "RFC 7515 allows no empty list"],
  ["a header with a key or more to do", "clerk pyjwt", "a token brings no key along, and Clerk's ask for nothing"],
  ["kid of another type", "clerk", "a name is a text"],
  ["kid too short or long", "clerk pyjwt", "no key has such a name"],
  ["a name that stands twice", "clerk pyjwt", "two readers might take different ones"],
  ["nested deep", "clerk pyjwt", "bounds the work that a stranger's token makes"],
  ["NaN", "pyjwt", "it is no JSON"],
  ["a byte order mark", "clerk pyjwt", "it is no JSON"],
  ["a forbidden name", "clerk pyjwt", "it would reach a prototype in JavaScript"],
  ["NUL in a text", "clerk pyjwt", "it ends the text for some readers"],
  ["padding", "clerk pyjwt", "RFC 7515: base64url without padding, so that a session has one token"],
  ["padding that is signed", "clerk", "the same"],
  ["over 8 KiB", "clerk pyjwt", "bounds the work that a stranger's token makes"],
  ["exp of another type", "pyjwt", "RFC 7519: a number"],
  ["nbf of another type", "pyjwt", "RFC 7519: a number"],
  ["iat of another type", "pyjwt", "RFC 7519: a number"],
  ["a fraction of a second", "clerk pyjwt", "Clerk's times are whole seconds"],
  ["a time before 1970", "clerk pyjwt", "Clerk's times are after it"],
  ["a life over 24 h", "clerk pyjwt", "a token that is lost counts for a day at most"],
  ["sub that nobody has", "clerk pyjwt", "it would be shown to others, or be taken for a guest's"],
  ["iss missing", "clerk", "Clerk leaves the issuer to the key"],
  ["iss of another", "clerk", "Clerk leaves the issuer to the key"],
  ["iss of another type", "clerk", "Clerk leaves the issuer to the key"],
  ["iss that is no address", "clerk pyjwt", "Clerk's tokens name a Frontend API, whichever it is"],
  ["azp of another", "pyjwt", "PyJWT does not know it"],
  ["azp of another type", "clerk pyjwt", "it is an origin"],
  ["aud missing", "clerk", "who asks for an audience means it"],
  ["aud of another type", "clerk", "RFC 7519: a text or a list of texts"],
  ["pending", "clerk pyjwt", "Clerk's middleware counts such a session as signed out"],
  ["a further claim of another type", "clerk pyjwt", "it is not one of Clerk's tokens"],
  ["jti of another type", "clerk", "RFC 7519: a text"],
  ["an organisation that cannot be read", "clerk pyjwt", "rights may hang on it"],
];

const lines = [PEM, ...cases].map((one) => JSON.stringify(one)).join("\n");
const words = (program, args) =>
  execFileSync(program, args, { input: lines, encoding: "utf8", maxBuffer: 1 << 24 }).trim().split("\n");

async function clerk(one) {
  try {
    await verifyToken(one.token, { jwtKey: PEM, clockSkewInMs: 5000, authorizedParties: one.parties, audience: one.audience });
    return "ok";
  } catch (refusal) {
    return refusal.reason ?? refusal.message;
  }
}

test("auth27_kanvas_takes_what_the_judges_take_but_for_what_is_listed", async () => {
  Date.now = () => NOW * 1000;
  const kanvas = words(KANVAS_JUDGE, []);
  const python = words(PYTHON_JUDGE, [new URL("judge.py", import.meta.url).pathname]);
  const clerks = [];
  for (const one of cases) clerks.push(await clerk(one));
  assert.deepEqual([kanvas.length, python.length], [cases.length, cases.length]);
  const takers = {};
  for (const [at, { kind, token }] of cases.entries()) {
    const judges = { clerk: clerks[at], pyjwt: python[at] };
    for (const [judge, word] of Object.entries(judges)) {
      if (kanvas[at] === "ok") assert.equal(word, "ok", `${judge} refuses what Kanvas takes: ${kind} ${token}`);
      else if (word === "ok") (takers[kind] ??= new Set()).add(judge);
    }
  }
  const seen = Object.fromEntries(Object.entries(takers).map(([kind, judges]) => [kind, [...judges].sort().join(" ")]));
  assert.deepEqual(seen, Object.fromEntries(STRICTER.map(([kind, judges]) => [kind, judges])));
  const taken = kanvas.filter((word) => word === "ok").length;
  assert.ok(cases.length > 400 && taken > 100, `${taken} of ${cases.length} are taken`);
});
