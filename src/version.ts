declare const KVS_WEBRTC_AGENT_VERSION: string | undefined;

/** The bundle's version, put in by the build; `development` when run from the sources. */
export const agentVersion: string =
  typeof KVS_WEBRTC_AGENT_VERSION === 'undefined' ? 'development' : KVS_WEBRTC_AGENT_VERSION;
