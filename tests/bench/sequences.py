"""The rows of networks on sequences: a character GPT, a ViT on digits, and an LSTM, plain and with layer normalization. Part of bench.py."""

import statistics

import report
from race import ONE_THREAD, PEERS, PYTHON

BATCHES = {"gpt": [1, 12, 64], "vit": [1, 32, 128], "lstm": [1, 16, 64]}
TRAININGS, STEPS = 100, {"gpt": 10, "vit": 45, "lstm": 20}  # of the part of that name: some seconds of each network


def network(kind, norm="ln"):
    """What the peers are told, and the overrides of normlab."""
    if kind == "gpt":
        # nanoGPT's small configuration without dropout and biases
        case = {"data": "text", "depth": 4, "heads": 4, "lr": 1e-4, "beta2": 0.99, "decay": 0.1}
        overrides = ["data.context=64", "data.train=512", "data.test=8", "model.arch=transformer", "model.width=128", "model.heads=4", "model.activation=gelu",
                     "model.tied=true", "model.bias=off", "model.init=gpt2"]
    elif kind == "vit":
        case = {"data": "digits", "depth": 4, "heads": 4, "lr": 1e-4, "beta2": 0.999, "decay": 0.05}
        overrides = ["data.as=patches", "data.patch=2", "model.arch=transformer", "model.width=64", "model.heads=4", "model.activation=gelu", "model.init=xavier"]
    else:
        # a larger step makes float32's rounding another training: LN of W x divides by |x| where x is one pixel
        case = {"data": "digits", "recurrent": True, "depth": 2, "lr": 2e-5, "beta2": 0.999, "decay": 0.0}
        overrides = ["data.as=pixels", "model.arch=lstm", "model.width=128"]
    case |= {"norm": norm, "beta1": 0.9, "clip": 1.0}
    overrides += [f"data.name={case['data']}", f"model.depth={case['depth']}", f"norm.kind={norm}", f"train.lr={case['lr']}", f"train.beta1={case['beta1']}",
                  f"train.beta2={case['beta2']}", f"train.clip_norm={case['clip']}"]
    overrides += ["train.optimizer=adamw", f"train.weight_decay={case['decay']}", "train.weight_decay_on=matrices"] if case["decay"] else ["train.optimizer=adam"]
    return case, overrides


def sequence_case(track, kind, norm, batch, more=()):
    """chunk: steps that a peer makes between two looks at the clock."""
    case, overrides = network(kind, norm)
    chunk = max(1, 64 // batch // (1 if kind == "vit" else 4))
    return track.make_case(f"{kind}-{norm}-{batch}", case | {"chunk": chunk, "order_steps": 64}, [*overrides, *more, f"train.batch={batch}"])


def tuned(track):
    return report.MALLOC | {"MALLOC_ARENA_MAX": "1", "LD_PRELOAD": str(track.build / "mkl_avx512.so")}


def peers(track, kind, norm, folder):
    """As shipped, and at their best."""
    def torch(script, mode):
        return [PYTHON, PEERS / script, folder, mode]

    if kind == "lstm":
        commands = {"PyTorch eager": torch("lstm_torch.py", "eager"), "JAX own": [PYTHON, PEERS / "lstm_jax.py", folder, "own"]}
        if not track.quick:
            commands |= {"PyTorch batch_first": torch("lstm_torch.py", "batch_first")} if norm == "none" else {"PyTorch cell": torch("lstm_torch.py", "cell")}
            commands |= {"JAX auto": [PYTHON, PEERS / "lstm_jax.py", folder, "auto"]}
    else:
        commands = {"PyTorch eager": torch("transformer_torch.py", "eager"), "JAX": [PYTHON, PEERS / "transformer_jax.py", folder]}
        if not track.quick:
            commands |= {f"PyTorch {mode}": torch("transformer_torch.py", mode) for mode in ("forward", "compiled")}
    return commands


def steps_of(kind, norms):
    def measure(track, batches):
        for batch in batches or (BATCHES[kind][1:2] if track.quick else BATCHES[kind]):
            for norm in norms:
                folder, step = sequence_case(track, kind, norm, batch)
                commands = peers(track, kind, norm, folder)
                started = track.start({"normlab": step})
                started += track.start(commands) + track.start({f"{name} tuned": command for name, command in commands.items()}, ONE_THREAD | tuned(track))
                track.keep(kind, {f"{norm} {batch}": track.race(kind, f"{kind} {norm} batch {batch}", started)})

    return measure


def share(track, batches):
    """Ours with a normalizer and without, in turn, by the ratios of neighbours, as in row 7."""
    norms = ["none", "ln", "rms", "dyt"]
    for batch in batches or (BATCHES["gpt"][1:2] if track.quick else BATCHES["gpt"]):
        steps = {norm: sequence_case(track, "gpt", norm, batch)[1] for norm in norms}
        track.keep("gpt_share", {str(batch): track.race("gpt_share", f"share of the GPT, batch {batch}", track.start(steps), unlike=norms[1:], times=2)})


def two_cores(track, batches):
    """Two trainings as the workers of a sweep have them, beside one, and PyTorch on both."""
    for kind, norm in [("gpt", "ln")] if track.quick else [("gpt", "ln"), ("vit", "ln"), ("lstm", "none"), ("lstm", "ln")]:
        for batch in batches or BATCHES[kind][1:2]:
            folder, step = sequence_case(track, kind, norm, batch)
            row = track.side_by_side("sequence_cores", f"{kind} {norm}, batch {batch}", step, peers(track, kind, norm, folder)["PyTorch eager"])
            if row:
                print(f"  {kind} {norm} batch {batch} on two cores: " + ", ".join(f"{n} {t:.4g} us" for n, t in row["us"].items()), flush=True)
                track.keep("sequence_cores", {f"{kind} {norm} {batch}": row})


def trainings(track, batches):
    """Many short trainings at the middle batch, from a cold shell on two cores."""
    for kind, norm in [("gpt", "ln"), ("vit", "ln"), ("lstm", "none")]:
        row = track.steady("trainings", 2, lambda kind=kind, norm=norm: race_of_trainings(track, kind, norm))
        print(f"  {TRAININGS} trainings of {kind}: " + ", ".join(f"{n} {t:.3g} s" for n, t in row["seconds"].items()), flush=True)
        track.keep("trainings", {f"{kind} {norm} {BATCHES[kind][1]}": row | {"steps": STEPS[kind]}})


def race_of_trainings(track, kind, norm):
    batch, steps = BATCHES[kind][1], STEPS[kind]
    few = ["data.train=128"] if kind == "gpt" else []  # windows: the loss of more would take longer than the steps
    folder, _ = sequence_case(track, kind, norm, batch, few)
    config, out = track.work / "trainings.yaml", track.work / "trainings"
    config.write_text(f"train: {{batch: {batch}, steps: {steps}, eval_every: {steps}}}\nsweep: {{seeds: {TRAININGS}}}\n")
    line = " ".join(network(kind, norm)[1] + few)
    contenders = {"normlab": ["sh", "-c", f"rm -rf '{out}' && '{track.build / 'normlab'}' sweep '{config}' {line} -j 2 --quiet --no-plot --out '{out}'"]}
    modes = {"JAX": "jax", "PyTorch eager": "eager"} | ({} if kind == "lstm" else {"PyTorch forward": "forward"})  # the call of nn.LSTM is one kernel already
    contenders |= {name: [PYTHON, PEERS / "trainings.py", folder, TRAININGS, steps, mode] for name, mode in modes.items()}
    cold = tuned(track) | {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    times = {name: [track.wall(command, ONE_THREAD | cold if name != "normlab" else {}) for _ in range(3 if name == "normlab" else 1)]
             for name, command in contenders.items() if track.wanted(name)}
    return {"seconds": {name: statistics.median(found) for name, found in times.items()}}


PARTS = {"gpt": steps_of("gpt", ["ln"]), "vit": steps_of("vit", ["ln"]), "lstm": steps_of("lstm", ["none", "ln"]), "gpt_share": share, "sequence_cores": two_cores,
         "trainings": trainings}
