file(REMOVE_RECURSE
  "libhost_cuda.a"
)
