import type { LocalCloud } from '../local-cloud.ts';
import type { CameraSummary, ConsoleBackend, ViewerAccess } from './server.ts';

/**
 * The local cloud's cameras for the viewer page.
 * @param channels channel names by camera name
 */
export function cloudBackend(cloud: LocalCloud, channels: ReadonlyMap<string, string>): ConsoleBackend {
  return {
    cameras: () => [...channels].map(([name, channelName]) => summary(cloud, name, channelName)),
    viewerAccess: (camera) => {
      const channelName = channels.get(camera);
      return channelName === undefined ? undefined : access(cloud, channelName);
    },
    attachViewers: (server) => cloud.signaling.attach(server, 'VIEWER'),
  };
}

function summary(cloud: LocalCloud, name: string, channelName: string): CameraSummary {
  const sessions = cloud.signaling.sessions(channelName);
  const viewers = sessions.filter(({ role }) => role === 'VIEWER').length;
  return { name, channelName, online: cloud.signaling.master(channelName) !== undefined, viewers };
}

function access(cloud: LocalCloud, channelName: string): ViewerAccess {
  const { channelARN, region, credentials, iceServers } = cloud.viewerConnection(channelName);
  const servers = iceServers.map(({ Uris, Username, Password }) => ({
    urls: Uris,
    username: Username,
    credential: Password,
  }));
  return { channelARN, region, credentials, iceServers: servers };
}
