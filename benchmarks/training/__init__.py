"""The parts of `train_cpu` and `train_gpu`: what is timed, by whom, each in a process of its own."""
