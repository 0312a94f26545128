"""Hold the ground floor: values and ports, standard library only, no I/O."""
