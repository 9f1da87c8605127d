// npm's bittorrent-tracker client: announces, and prints what it is told, until it is ended.
//
// usage: npm_client.mjs NODE_MODULES ANNOUNCE_URL INFOHASH PEER_ID PORT

const [modules, announce, infoHash, peerId, port] = process.argv.slice(2)
const { default: Client } = await import(`${modules}/bittorrent-tracker/client.js`)

const client = new Client({
  infoHash,
  peerId,
  announce: [announce],
  port: Number(port),
  rtcConfig: { iceServers: [] }
})
client.on('error', error => console.log(`error ${error.message}`))
client.on('warning', error => console.log(`warning ${error.message}`))
client.on('update', ({ complete, incomplete }) => console.log(`update ${complete} ${incomplete}`))
// An address over HTTP and UDP, a WebRTC peer over WebSocket.
client.on('peer', peer => console.log(`peer ${typeof peer === 'string' ? peer : peer.id}`))
client.start({ left: 1 })
// It would ask again after half an hour, whatever the tracker says.
setInterval(() => client.update({ left: 1 }), 500)
