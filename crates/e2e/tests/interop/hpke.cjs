// The other side of `src/interop/hpke.rs`: hpke-js, asked with a line of JSON, its bytes in hex.
'use strict';
const { CipherSuite, HkdfSha256 } = require('@hpke/core');
const { Chacha20Poly1305 } = require('@hpke/chacha20poly1305');
const { XWing } = require('@hpke/hybridkem-x-wing');
const readline = require('readline');

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
const bytes = (digits) => Uint8Array.from(Buffer.from(digits, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');
const psk = (question) => (question.psk ? { psk: { key: bytes(question.psk), id: bytes(question.psk_id) } } : {});

async function open(question) {
  const recipientKey = await suite.kem.deserializePrivateKey(bytes(question.seed).buffer);
  const context = { recipientKey, enc: bytes(question.enc).buffer, info: bytes(question.info), ...psk(question) };
  const plain = await suite.open(context, bytes(question.sealed), bytes(question.aad));
  return { plain: hex(plain) };
}

async function seal(question) {
  const recipientPublicKey = await suite.kem.deserializePublicKey(bytes(question.kem).buffer);
  const context = { recipientPublicKey, info: bytes(question.info), ...psk(question) };
  const { enc, ct } = await suite.seal(context, bytes(question.plain), bytes(question.aad));
  return { enc: hex(enc), sealed: hex(ct) };
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const question = JSON.parse(line);
  const answer = await (question.seed ? open(question) : seal(question)).catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(answer));
});
