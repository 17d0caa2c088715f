// The other side of `src/interop.rs`: libolm, asked line by line.
'use strict';
const Olm = require('@matrix-org/olm');
const readline = require('readline');

const hex = (text) => Buffer.from(text, 'utf8').toString('hex');
const plain = (digits) => Buffer.from(digits, 'hex').toString('utf8');

Olm.init().then(() => {
  const account = new Olm.Account();
  account.create();
  account.generate_one_time_keys(1);
  let session = new Olm.Session();
  const commands = {
    identity: () => JSON.parse(account.identity_keys()).curve25519,
    prekey: () => Object.values(JSON.parse(account.one_time_keys()).curve25519)[0],
    inbound: (body) => {
      session = new Olm.Session();
      session.create_inbound(account, body);
      account.remove_one_time_keys(session);
      return hex(session.decrypt(0, body));
    },
    outbound: (curve, key) => {
      session = new Olm.Session();
      session.create_outbound(account, curve, key);
      return 'ok';
    },
    encrypt: (digits) => {
      const { type, body } = session.encrypt(plain(digits));
      return `${type} ${body}`;
    },
    decrypt: (kind, body) => hex(session.decrypt(Number(kind), body)),
  };
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const [name, ...rest] = line.split(' ');
    let answer;
    try {
      answer = commands[name](...rest);
    } catch (error) {
      answer = `error ${error.message}`;
    }
    process.stdout.write(`${answer}\n`);
  });
});
