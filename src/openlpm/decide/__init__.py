"""The pure core: values in, values out. No clock, socket, thread, database or libvirt.

validate   may this partition move there?          Examination -> Validation
reserve    is there room, counting what is promised?  -> Reservation, or Refused
advance    one turn of the state machine           Migration, Sighting -> Step
invariants what must hold after every turn
converge   keep, widen the pause, throttle or give up, once an iteration
predict    how long a move will take, beforehand and while it runs
recover    says in words what was seen and what will be done
"""
