// The library of Standard Webhooks judges what the server signs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import { binary } from "./server.mjs";

const secret = `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64")}`;

test("hook2 the specification's own library takes a delivery, and none that was changed", async () => {
  const came = [];
  const receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    came.push({ headers: request.headers, body });
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  try {
    const url = `http://127.0.0.1:${receiver.address().port}/hook`;
    const env = { KANVAS_WEBHOOK_URL: url, KANVAS_WEBHOOK_SECRET: secret };
    await promisify(execFile)(binary, ["webhook", "test"], { env });
    assert.equal(came.length, 1);
    const [{ headers, body }] = came;
    const event = new Webhook(secret).verify(body, headers);
    assert.equal(event.type, "kanvas.test");
    assert.ok(Math.abs(Date.now() - Date.parse(event.timestamp)) < 60_000, event.timestamp);
    const refused = (body, headers, key = secret) => assert.throws(() => new Webhook(key).verify(body, headers));
    refused(`${body} `, headers);
    refused(body, { ...headers, "webhook-id": "msg_other" });
    refused(body, { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) });
    refused(body, headers, `whsec_${Buffer.alloc(32, 1).toString("base64")}`);
  } finally {
    receiver.close();
  }
});
