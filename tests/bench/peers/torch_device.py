"""What the peers in PyTorch share: where they work, and CUDA graphs."""

import torch

from competitor import DEVICE


def prepare(threads=1):
    """float32 throughout: convolutions would take TF32. A default device, be it the processor, makes Python look at every call."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if DEVICE == "cuda":
        torch.set_default_device(DEVICE)
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.cuda.set_stream(torch.cuda.Stream())  # graphs are captured from another stream than the default one


def keep_in_place(tensors):
    """Weights and buffers stay where they are: graphs need no copy of them."""
    for tensor in tensors:
        torch._dynamo.mark_static_address(tensor)


def captured(step, *inputs):
    """step(*inputs) as one CUDA graph, which takes copies of later inputs; call it a few times before."""
    places, graph = [value.clone() for value in inputs], torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        loss = step(*places)

    def replay(*inputs):
        for place, value in zip(places, inputs):
            place.copy_(value)
        graph.replay()
        return loss

    return replay
