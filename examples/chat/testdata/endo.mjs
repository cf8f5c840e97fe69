// Somebody who chats by the packages of an Endo checkout, for TestEndo:
//
//	OCAPN_ENDO=checkout node endo.mjs join NICK      the first line of the input is the room's URI
//	OCAPN_ENDO=checkout node endo.mjs host NICK      opens a room, prints its URI, and is in it
//	OCAPN_ENDO=checkout node endo.mjs apart NICK     the same, and the one in it is a peer of its own, as in Endo's program
//
// The other lines of the input are said. What happens is printed, a line each.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { randomBytes } from 'node:crypto';

const [command, nick] = process.argv.slice(2);
const checkout = createRequire(join(process.env.OCAPN_ENDO, 'packages/goblin-chat/package.json'));
const load = name => import(pathToFileURL(checkout.resolve(name)).href);

await load('@endo/init');
const { E } = await load('@endo/eventual-send');
const { Far } = await load('@endo/marshal');
const { makeClient } = await load('@endo/ocapn');
const { makeWebSocketNetLayer } = await load('@endo/ocapn/netlayer/ws');
const { makeChatroom, makeUserControllerPair } = await load('@endo/goblin-chat/backend');
const { parseLocator } = await load('@endo/goblin-chat/uri-parse');

const print = line => process.stdout.write(`${line}\n`);
const verbose = process.env.ENDO_VERBOSE === '1';

const open = async name => {
  const logger = { log: () => {}, info: () => {}, error: (...args) => print(`! ${args.join(' ')}`) };
  const captpVersion = process.env.CAPTP_VERSION;
  const options = { ...(captpVersion ? { captpVersion } : {}), ...(verbose ? {} : { logger }) };
  const client = makeClient({ debugLabel: name, verbose, ...options });
  const netlayer = await client.registerNetlayer((handlers, log) => makeWebSocketNetLayer({ handlers, logger: log }));
  return { client, location: netlayer.location };
};

const shutDown = [];
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

let uri;
let room;
let client;
if (command === 'join') {
  uri = (await lines.next()).value;
} else {
  const host = await open('host');
  const { location } = host;
  shutDown.push(host.client);
  if (command === 'host') client = host.client;
  const swiss = randomBytes(16).toString('hex');
  room = makeChatroom('endo room');
  host.client.registerSturdyRef(swiss, room);
  const url = encodeURIComponent(location.hints.url);
  uri = `ocapn://${location.designator}.websocket/s/${Buffer.from(swiss).toString('base64url')}?url=${url}`;
  print(uri);
}

if (client === undefined) {
  ({ client } = await open(nick));
  shutDown.push(client);
  const { location, swissNum } = parseLocator(uri);
  room = await client.enlivenSturdyRef(client.makeSturdyRef(location, swissNum));
}
const { user, userController } = makeUserControllerPair(nick);
const channel = await E(userController)['join-room'](room);
print(`in ${await E(room)['self-proposed-name']()}`);

const names = new Map([[user, Promise.resolve('me')]]); // who has left cannot be asked any more
const report = (what, somebody, text = '') => {
  if (!names.has(somebody)) names.set(somebody, E(somebody)['self-proposed-name']());
  names.get(somebody).then(
    name => print(`${what} ${name}${text}`),
    error => print(`! ${what}: ${error.message}`),
  );
};
await E(channel).subscribe(
  Far('observer', {
    'new-message': (_context, from, text) => report('said', from, `: ${text}`),
    'user-joined': who => report('joined', who),
    'user-left': who => report('left', who),
  }),
);

for await (const line of lines) {
  if (line === '/leave') {
    await E(channel).leave();
    print('out');
  } else {
    E(channel)
      ['send-message'](line)
      .then(
        answer => print(`answer ${String(answer)}`),
        error => print(`! send-message: ${error.message}`),
      );
  }
}
for (const each of shutDown) each.shutdown();
