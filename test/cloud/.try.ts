import { startLocalCloud } from './local-cloud.ts';
const cloud = await startLocalCloud({iotCore:process.argv[2]==='iot',turn:process.argv[2]==='turn'});
await cloud.close();
console.log('closed', process.getActiveResourcesInfo());
