import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { connect } from '../../integration/cloud/support/signaling-client.ts';
import { leakedSecrets, Master, outputLines } from '../../integration/signaling/support/master.ts';

const RENEWALS = 100;
const DROPS = 20;

let cloud: LocalCloud;
before(async () => {
  // The credentials run out several times; the service closes what was not renewed in time.
  cloud = await startLocalCloud({ limits: { sessionMs: 1_000, credentialsMs: 5_000 } });
  cloud.trust();
});
after(() => cloud.close());

test(`${RENEWALS} renewals, ${DROPS} drops and expiring credentials: no offer is missed`, async (context) => {
  cloud.createChannel('front');
  const master = new Master(cloud, { channelName: 'front', sessionLifetimeMs: 1_000, pingIntervalMs: 250 });
  master.start();
  await master.connected();
  const sent: string[] = [];
  let drops = 0;
  while (master.signaling.counters.renewals < RENEWALS || drops < DROPS) {
    const viewer = await connect(cloud, 'VIEWER', { clientId: `viewer-${sent.length}` }).opened();
    const sdp = `offer ${sent.length}`;
    sent.push(sdp);
    viewer.send('SDP_OFFER', { type: 'offer', sdp });
    // A drop may meet an offer that is just being delivered; the next one is sent when this one has arrived.
    await master.until('offer', () => master.offers.some((offer) => offer.sdp === sdp));
    await viewer.close();
    if (drops < DROPS && sent.length % 40 === 0) {
      cloud.signaling.master('front')?.drop();
      drops += 1;
    }
  }
  const arrived = new Set(master.offers.map(({ sdp }) => sdp));
  assert.deepEqual(
    sent.filter((sdp) => !arrived.has(sdp)),
    [],
  );
  const { renewals, connects } = master.signaling.counters;
  context.diagnostic(`${sent.length} offers, ${renewals} renewals, ${connects} connects, ${drops} drops`);
  assert.equal(cloud.events.requests('DescribeSignalingChannel'), 1);
  assert.equal(cloud.events.requests('GetSignalingChannelEndpoint'), 1);
  assert.equal(cloud.events.requests('GetIceServerConfig'), 0);
  await master.stop();
  assert.ok(outputLines() > 0);
  assert.deepEqual(leakedSecrets(), []);
});
