import { startNucleus } from './integration/greengrass/support/bench.ts';
import { createClient, createDefaultClientConfig } from 'aws-iot-device-sdk-v2/dist/greengrasscoreipc.js';
const after: (()=>Promise<void>)[]=[];
const {nucleus,env}=await startNucleus({after:(f:any)=>after.push(f)} as any,'lite',{});
let n=0;
setInterval(()=>{},1000);
const mode=process.argv[2]; const gc=(globalThis as any).gc;
if (gc) setInterval(gc,3);
for(;n<400;n++){
 const c=createClient({...createDefaultClientConfig(),hostName:env.AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT!,connectTransform:async({message})=>({...message,payload:JSON.stringify({authToken:mode==='badtoken'?'x':env.SVCUID})})});
 if (mode==='badtoken') { await c.connect().catch(()=>{}); await c.close(); continue; }
 if (mode==='absent') { await nucleus.ipc.stop(); await c.connect().catch(()=>{}); await c.close(); await nucleus.ipc.start(); continue; }
 if (mode==='race') { const p=c.connect().catch(()=>{}); setTimeout(()=>nucleus.ipc.disconnect(), Math.random()*3); await p; await c.close(); continue; }
 if (mode==='abort') { const p=c.connect().catch(()=>{}); await new Promise(r=>setTimeout(r,Math.random()*2)); await c.close(); void p; continue; }
 await c.connect();
 const gone=new Promise((r)=>c.on('disconnection',r));
 for (const t of ['kvs-webrtc/a','kvs-webrtc/b','kvs-webrtc/c']) await c.subscribeToIoTCore({topicName:t,qos:'1' as any}).activate();
 if (mode==='cut') { nucleus.ipc.disconnect(); await gone; await c.close(); }
 else if (mode==='inflight') { const p=c.getConfiguration({keyPath:[]}).catch(()=>{}); nucleus.ipc.disconnect(); await gone; await c.close(); }
 else { await c.close(); }
 if (n%10===0) console.log(n);
}
console.log('survived',n); process.exit(0);
