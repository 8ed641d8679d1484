// Tokens of every kind, good and bad, signed by Node's own cryptography: neither Kanvas nor a judge made them.
import { createHmac, createSign, generateKeyPairSync, constants, sign as signWith } from "node:crypto";

export const NOW = 1_800_000_000;
export const ISSUER = "https://clerk.example.com";
const PARTY = "https://app.example.com";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const PEM = rsa.publicKey.export({ type: "spki", format: "pem" });

const encode = (bytes) => Buffer.from(bytes).toString("base64url");
const header = (members = {}) => ({ alg: "RS256", kid: "ins_1", typ: "JWT", ...members });
const claims = (members = {}) => ({
  azp: PARTY, exp: NOW + 60, iat: NOW, iss: ISSUER, nbf: NOW - 10, sid: "sess_1", sub: "user_1", v: 2, ...members,
});

const rs256 = (text) => createSign("RSA-SHA256").update(text).sign(rsa.privateKey);
const signed = (headerText, claimsText, signer = rs256) => {
  const body = `${encode(headerText)}.${encode(claimsText)}`;
  return `${body}.${encode(signer(body))}`;
};
const token = (headerMembers, claimMembers) =>
  signed(JSON.stringify(header(headerMembers)), JSON.stringify(claims(claimMembers)));

// The same numbers on every run.
let state = 7;
const below = (bound) => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return (state >>> 8) % bound;
};

const cases = [];
const add = (kind, text, settings = {}) =>
  cases.push({ kind, token: text, now: NOW * 1000, issuer: ISSUER, parties: [], audience: [], ...settings });

for (let at = 0; at < 100; at += 1) {
  const more = {};
  if (below(2)) more.o = { id: `org_${at}`, rol: "admin", per: "read,manage", fpm: "3" };
  if (below(2)) more.fea = "o:board,u:mail";
  if (below(2)) more.name = "Ann é \u{1F600}";
  if (below(2)) more.sts = "active";
  if (below(3) === 0) more.iat = undefined;
  if (below(3) === 0) more.nbf = undefined;
  if (below(3) === 0) more.sid = undefined;
  if (below(3) === 0) more.aud = ["kanvas", "other"];
  more.exp = NOW + 1 + below(3600);
  more.sub = `user_${"x".repeat(below(100))}`;
  const settings = { parties: below(2) ? [PARTY, "https://b.example"] : [], audience: more.aud && below(2) ? ["kanvas"] : [] };
  add("good", token(below(4) ? {} : { typ: undefined, kid: below(2) ? "other" : undefined }, more), settings);
}
for (const name of ["exp", "nbf", "iat"]) {
  for (let by = -10; by <= 10; by += 1) add(`${name} near now`, token({}, { [name]: NOW + by }));
}
for (let at = 0; at < 120; at += 1) {
  const good = token({}, {});
  const where = below(good.length - 1);
  const letter = good[where] === "A" ? "B" : "A";
  if (good[where] !== ".") add("a letter changed", good.slice(0, where) + letter + good.slice(where + 1));
}
for (let at = 0; at < 40; at += 1) {
  const good = token({}, {});
  add("cut short", good.slice(0, below(good.length - 1)));
}
const good = token({}, {});
const [first, second, third] = good.split(".");
for (const parts of [[first, second], [first, second, ""], ["", second, third], [first, "", third],
  [first, second, third, third], [first, second, third, third, third], [""]]) {
  add("parts", parts.join("."));
}

for (const alg of ["none", "None", "nOnE", ""]) {
  const body = `${encode(JSON.stringify(header({ alg })))}.${second}`;
  add("alg none", `${body}.`);
  add("alg none", `${body}.${third}`);
}
for (const secret of [PEM, PEM.trim(), rsa.publicKey.export({ type: "spki", format: "der" }),
  JSON.stringify(rsa.publicKey.export({ format: "jwk" }))]) {
  const hmac = (text) => createHmac("sha256", secret).update(text).digest();
  add("alg HS256 with the public key", signed(JSON.stringify(header({ alg: "HS256" })), JSON.stringify(claims()), hmac));
  add("alg HS256 with the public key", signed(JSON.stringify(header()), JSON.stringify(claims()), hmac));
}
for (const [alg, hash] of [["RS384", "RSA-SHA384"], ["RS512", "RSA-SHA512"]]) {
  const signer = (text) => createSign(hash).update(text).sign(rsa.privateKey);
  add("alg RS384 and RS512", signed(JSON.stringify(header({ alg })), JSON.stringify(claims()), signer));
  add("another hash under RS256", signed(JSON.stringify(header()), JSON.stringify(claims()), signer));
}
const pss = (text) =>
  signWith("sha256", Buffer.from(text), { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
add("alg PS256", signed(JSON.stringify(header({ alg: "PS256" })), JSON.stringify(claims()), pss));
add("another padding under RS256", signed(JSON.stringify(header()), JSON.stringify(claims()), pss));
const ecdsa = (text) => signWith("sha256", Buffer.from(text), { key: elliptic.privateKey, dsaEncoding: "ieee-p1363" });
add("alg ES256", signed(JSON.stringify(header({ alg: "ES256" })), JSON.stringify(claims()), ecdsa));
const stranger = (text) => createSign("RSA-SHA256").update(text).sign(otherRsa.privateKey);
add("another key", signed(JSON.stringify(header()), JSON.stringify(claims()), stranger));
const own = { jwk: otherRsa.publicKey.export({ format: "jwk" }) };
add("another key", signed(JSON.stringify(header(own)), JSON.stringify(claims()), stranger));

for (const typ of ["jwt", "at+jwt", "", 7]) add("typ", token({ typ }, {}));
add("crit", token({ crit: ["exp"] }, {}));
add("crit of nothing", token({ crit: [] }, {}));
for (const members of [{ jku: "https://evil.example/" }, own, { x5u: "https://evil.example/" }, { x5c: ["MIIB"] },
  { x5t: "AA" }, { cty: "JWT" }, { zip: "DEF" }]) {
  add("a header with a key or more to do", token(members, {}));
}
for (const kid of [7, null, ["a"]]) add("kid of another type", token({ kid }, {}));
for (const kid of ["", "k".repeat(129)]) add("kid too short or long", token({ kid }, {}));

const text = JSON.stringify(claims());
for (const twice of ['"sub":"user_1",', `"exp":${NOW + 9},`, `"azp":"${PARTY}",`, '"x":1,"x":2,', '"o":{"id":"a","id":"b"},']) {
  add("a name that stands twice", signed(JSON.stringify(header()), `{${twice}${text.slice(1)}`));
}
add("a name that stands twice", signed('{"alg":"none","alg":"RS256","typ":"JWT"}', text));
add("nested deep", signed(JSON.stringify(header()), `{"x":${"[".repeat(16)}${"]".repeat(16)},${text.slice(1)}`));
for (const bad of ["", "{", "[]", "null", "7", '"x"', `${text}x`, "\uFEFF"]) {
  add("no JSON object", signed(JSON.stringify(header()), bad));
}
add("NaN", signed(JSON.stringify(header()), `{"x":NaN,${text.slice(1)}`));
add("a byte order mark", signed(JSON.stringify(header()), `\uFEFF${text}`));
add("a forbidden name", signed(JSON.stringify(header()), `{"__proto__":{},${text.slice(1)}`));
add("NUL in a text", token({}, { name: "a\u0000b" }));

add("padding", `${good}==`);
const odd = [0, 1, 2].map((more) => token({}, { note: "x".repeat(more) })).map((one) => one.split("."));
for (const [one, two, three] of odd) {
  if (two.length % 4) add("padding", `${one}.${two}${"=".repeat(4 - (two.length % 4))}.${three}`);
}
add("padding that is signed", (() => {
  const body = `${encode(JSON.stringify(header({ x: "" })))}=.${second}`;
  return `${body}.${encode(rs256(body))}`;
})());
const loose = String.fromCharCode(third.charCodeAt(third.length - 1) + 1);
add("bits beyond the last byte", `${first}.${second}.${third.slice(0, -1)}${loose}`);
for (const space of [" ", "\n", "\t"]) {
  add("white space", `${good}${space}`);
  add("white space", `${space}${good}`);
}
add("white space", `${first}.${second}.${third.slice(0, 9)} ${third.slice(9)}`);
for (let at = 0; at < 10; at += 1) {
  const [one, two, three] = token({}, { at }).split(".");
  const std = three.replaceAll("-", "+").replaceAll("_", "/");
  if (std !== three) add("the other alphabet", `${one}.${two}.${std}`);
}
add("over 8 KiB", token({}, { note: "x".repeat(8192) }));

for (const exp of [undefined, null, "1800000060", true]) add("exp of another type", token({}, { exp }));
for (const name of ["nbf", "iat"]) for (const value of ["1800000000", {}]) add(`${name} of another type`, token({}, { [name]: value }));
for (const name of ["nbf", "iat"]) add(`${name} null`, token({}, { [name]: null }));
for (const name of ["exp", "nbf", "iat"]) add("a fraction of a second", token({}, { [name]: NOW + 0.5 }));
add("a time before 1970", token({}, { nbf: -1 }));
for (const members of [{ exp: NOW + 86_401 }, { exp: NOW + 1e9 }, { iat: NOW - 86_400 }]) add("a life over 24 h", token({}, members));
for (const sub of [undefined, null, 7, ["user_1"]]) add("sub of another type", token({}, { sub }));
for (const sub of ["", "u".repeat(129), "a\nb", "a\u202Eb", "guest:1"]) add("sub that nobody has", token({}, { sub }));
add("iss missing", token({}, { iss: undefined }));
for (const iss of [`${ISSUER}/`, "https://clerk.example.org", "http://clerk.example.com", ""]) add("iss of another", token({}, { iss }));
add("iss of another type", token({}, { iss: 7 }));
for (const iss of [ISSUER, "https://clerk.example.org", `${ISSUER}/`]) add("any iss", token({}, { iss }), { issuer: null });
for (const iss of [undefined, "", "https://", "http://clerk.example.com", "clerk.example.com"]) {
  add("iss that is no address", token({}, { iss }), { issuer: null });
}
for (const azp of [undefined, "", `${PARTY}/`, `${PARTY}.evil.com`]) add("azp of another", token({}, { azp }), { parties: [PARTY] });
add("azp of another type", token({}, { azp: 7 }));
for (const aud of ["other", ["a", "b"]]) add("aud of another", token({}, { aud }), { audience: ["kanvas"] });
for (const aud of [undefined, []]) add("aud missing", token({}, { aud }), { audience: ["kanvas"] });
add("aud of another type", token({}, { aud: 7 }), { audience: ["kanvas"] });
add("aud of another type", token({}, { aud: ["kanvas", 7] }), { audience: ["kanvas"] });
add("aud that nobody asked for", token({}, { aud: "other" }));
add("pending", token({}, { sts: "pending" }));
for (const members of [{ sid: 7 }, { sts: 7 }, { nonce: 7 }]) add("a further claim of another type", token({}, members));
add("jti of another type", token({}, { jti: 7 }));
for (const o of [7, {}, { id: "" }]) add("an organisation that cannot be read", token({}, { o }));

export { cases };
