/* The hand-written limit: libmodbus polls, libmosquitto publishes changes at QoS 1; its queue is in memory.
 *   loop MODBUS_PORT MQTT_PORT HZ      apt install gcc libc6-dev libmodbus-dev libmosquitto-dev
 */
#include <modbus.h>
#include <mosquitto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    mosquitto_lib_init();
    struct mosquitto *mqtt = mosquitto_new("loop-c", true, NULL);
    mosquitto_int_option(mqtt, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_reconnect_delay_set(mqtt, 1, 1, false);
    while (mosquitto_connect(mqtt, "127.0.0.1", atoi(argv[2]), 60))
        sleep(1);
    mosquitto_loop_start(mqtt);
    modbus_t *modbus = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_set_slave(modbus, 1);
    while (modbus_connect(modbus))
        sleep(1);
    const long period_ns = (long)(1e9 / atof(argv[3]));
    uint16_t word = 0, old = 0;
    unsigned number = 0;
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (;;) {
        if (modbus_read_registers(modbus, 0, 1, &word) != 1) {
            modbus_close(modbus);
            modbus_connect(modbus);
        } else if (word != old) {
            char line[64];
            old = word;
            int length = snprintf(line, sizeof line, "{\"n\":%u,\"r0\":%u}", ++number, word);
            mosquitto_publish(mqtt, NULL, "out/loop", length, line, 1, false);
        }
        due.tv_nsec += period_ns;
        while (due.tv_nsec >= 1000000000) {
            due.tv_nsec -= 1000000000;
            due.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
}
