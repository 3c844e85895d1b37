/**
 * A camera on the network, as far as a scan sees it: answers WS-Discovery 1.1 as ONVIF devices do, once a probe's id, and
 * listens on RTSP's port.
 *   node onvif-camera.ts ADDRESS
 * Prints `ready`, then a line a datagram.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [, , address = ''] = process.argv;
const PROBE = 'http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe';
const answered = new Set<string>();

const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.on('message', (message, { address: from, port }) => {
  const probe = message.toString();
  const id = /<\w+:MessageID>(uuid:[0-9a-f-]{36})<\/\w+:MessageID>/.exec(probe)?.[1] ?? '';
  const isProbe = probe.includes(`Action>${PROBE}<`) && /<\w+:Types>\w+:NetworkVideoTransmitter</.test(probe);
  process.stdout.write(`${isProbe ? 'probe' : 'something else'} ${id} from ${from}\n`);
  if (!isProbe || id === '' || answered.has(id)) return;
  answered.add(id);
  socket.send(probeMatch(id), port, from);
});
socket.bind(3702, () => {
  socket.addMembership('239.255.255.250', address);
  createServer().listen(554, address, () => process.stdout.write('ready\n'));
});

function probeMatch(relatesTo: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
  <SOAP-ENV:Header><wsa:RelatesTo>${relatesTo}</wsa:RelatesTo><wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action></SOAP-ENV:Header>
  <SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch>
    <wsa:EndpointReference><wsa:Address>urn:uuid:4d454930-0000-1000-8000-bcbac2cbb8ad</wsa:Address></wsa:EndpointReference>
    <d:Types>dn:NetworkVideoTransmitter</d:Types>
    <d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Gate%20Camera</d:Scopes>
    <d:XAddrs>http://${address}/onvif/device_service</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>
  </d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body>
</SOAP-ENV:Envelope>`;
}
