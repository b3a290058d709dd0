// Preloaded into servers that would listen on every interface: they listen on 127.0.0.1 instead.
import net from "node:net";

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const anyInterface = (typeof port === "number" || typeof port === "string") && typeof rest[0] !== "string";
  return anyInterface ? listen.call(this, port, "127.0.0.1", ...rest) : listen.call(this, port, ...rest);
};
