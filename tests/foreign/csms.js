// A CSMS made of ocpp-rpc, which checks every frame against the schemas, in both directions.
//
// It prints one line of JSON for each thing that happens: `listening`, `connected`, `disconnected`, `call` (of
// a station), `answer` and `error` (to what it was told to ask), and `violation`. On standard input it takes
// one line of JSON for each call that it is to make: {"id", "station", "action", "payload"}.
//
// node csms.js [--report-before-boot] [--boot-delay MS]

"use strict";

const readline = require("node:readline");
const { parseArgs } = require("node:util");
const { RPCServer, createRPCError } = require("ocpp-rpc");

const { values: options } = parseArgs({
  options: {
    "report-before-boot": { type: "boolean", default: false },
    "boot-delay": { type: "string", default: "0" },
  },
});

const say = (event, details) => console.log(JSON.stringify({ event, ...details }));
const now = () => new Date().toISOString();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ANSWERS = {
  Authorize: () => ({ idTokenInfo: { status: "Accepted" } }),
  BootNotification: async (client) => {
    if (options["report-before-boot"]) {
      await ask(client, { id: "before-boot", action: "GetBaseReport", payload: { requestId: 1, reportBase: "FullInventory" } });
    }
    await sleep(Number(options["boot-delay"]));
    return { currentTime: now(), interval: 300, status: "Accepted" };
  },
  DataTransfer: () => ({ status: "Accepted" }),
  Heartbeat: () => ({ currentTime: now() }),
  MeterValues: () => ({}),
  NotifyEvent: () => ({}),
  NotifyReport: () => ({}),
  SecurityEventNotification: () => ({}),
  StatusNotification: () => ({}),
  TransactionEvent: () => ({}),
};

const clients = new Map();

async function ask(client, { id, action, payload }) {
  try {
    say("answer", { id, action, payload: await client.call(action, payload) });
  } catch (error) {
    say("error", { id, action, code: error.rpcErrorCode ?? error.name, text: error.message });
  }
}

async function main() {
  const server = new RPCServer({ protocols: ["ocpp2.0.1"], strictMode: true });
  server.on("client", (client) => {
    clients.set(client.identity, client);
    say("connected", { station: client.identity, protocol: client.protocol });
    client.on("close", ({ code }) => say("disconnected", { station: client.identity, code }));
    client.on("strictValidationFailure", ({ method, params, result, outbound, error }) =>
      say("violation", { method, params, result, outbound, text: error.message, details: error.details }),
    );
    client.on("badMessage", ({ buffer, error }) =>
      say("violation", { frame: String(buffer), text: error.message }),
    );
    client.handle(({ method, params }) => {
      say("call", { station: client.identity, action: method, payload: params });
      if (!(method in ANSWERS)) {
        throw createRPCError("NotImplemented", `nobody expects ${method} here`);
      }
      return ANSWERS[method](client, params);
    });
  });
  const http = await server.listen(0, "127.0.0.1");
  say("listening", { port: http.address().port });

  readline
    .createInterface({ input: process.stdin })
    .on("line", (line) => {
      const wanted = JSON.parse(line);
      ask(clients.get(wanted.station), wanted);
    })
    .on("close", () => process.exit(0));
}

main();
