file(REMOVE_RECURSE
  "libnormlab.a"
)
