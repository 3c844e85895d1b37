import { startLocalCloud } from './local-cloud.ts';
import { MqttClient } from './mqtt-client.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc'); const gc = runInNewContext('gc') as ()=>void;
const cloud = await startLocalCloud({iotCore:true});
const [hostName = '', port = ''] = cloud.iot.endpoint.split(':');
const cs: MqttClient[]=[];
for (let i=0;i<2;i++) { const d = await cloud.createDevice('d'+i); const c = new MqttClient({...d, caPath: cloud.caPath, hostName, port:Number(port), clientId:'c'+i}); c.start(); await c.subscribe('a/#', ()=>{}); cs.push(c);
 (globalThis as any).refs ??= []; }
await Promise.all(cs.map(c=>c.close()));
await cloud.close();
console.log('closed');
const t0=performance.now();
process.on('exit',()=>console.log('exit', performance.now()-t0));
if (process.argv[2]) { let n=0; setInterval(()=>{ gc(); if (++n%20===0) console.log('gc', n) }, 50).unref(); }
