// Downloads a magnet link or .torrent file with webtorrent for Node, over TCP and with nothing but
// the trackers that it names.
//
// usage: webtorrent_download.mjs MAGNET|TORRENT DIRECTORY [--encrypted]

import WebTorrent from 'webtorrent'

const [source, path, encrypted] = process.argv.slice(2)
const client = new WebTorrent({
  dht: false,
  lsd: false,
  natPmp: false,
  natUpnp: false,
  utPex: false,
  utp: false,
  // 2 is RC4 and nothing else, 0 is none.
  secure: encrypted === '--encrypted' ? 2 : 0
})
const fail = error => {
  console.error(error)
  process.exit(1)
}

client.on('error', fail)
client.add(source, { path }, torrent => {
  torrent.on('warning', warning => console.error(warning))
  torrent.on('error', fail)
  torrent.on('done', () => client.destroy(() => process.exit(0)))
})
