-- wrk: announces of random peers to a fixed set of torrents, named in the file in $INFOHASHES.

local hashes = {}
for line in io.lines(os.getenv("INFOHASHES")) do
  hashes[#hashes + 1] = line:gsub("..", "%%%0")
end
math.randomseed(7)
-- Made beforehand: it takes longer to make one than to answer it.
local requests = {}
for number = 1, 50000 do
  local peer = math.random(4096)
  requests[number] = "GET /announce?info_hash=" .. hashes[math.random(#hashes)]
    .. string.format("&peer_id=-SB0001-%012d", peer) .. "&port=" .. 1024 + peer
    .. "&uploaded=0&downloaded=0&left=1&compact=1&numwant=50 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(99)))
end
