"""Files on sticks: what goes wrong with sticks, planted by a shim in C; hostile sticks; kills at every step."""
