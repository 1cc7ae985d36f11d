// SPDX-License-Identifier: Apache-2.0
// Servers that nobody wrote for us serve on sockets which were opened in another network namespace,
// and have never been there.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"
#include "tests/support/other_namespaces.h"

namespace {

using support::OtherNamespaces;
using support::Outcome;
using support::Running;

// Python's own HTTP server, on whatever sd_listen_fds(3) promises.
constexpr const char* kServer = R"(
import http.server, os, socket, sys
assert int(os.environ['LISTEN_PID']) == os.getpid()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.path + ' ' + os.readlink('/proc/self/ns/net')).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
number = 3 + os.environ.get('LISTEN_FDNAMES', 'http').split(':').index('http')
server = http.server.HTTPServer(('', 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=number)
server.server_name, server.server_port = 'test', 80
server.serve_forever()
)";

constexpr const char* kClient = R"(
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=60)
connection.request('GET', '/page')
print(connection.getresponse().read().decode())
)";

// What a client in the other namespaces is answered. Until the server's own start nobody listens:
// the client may come first.
Outcome answer_to(const OtherNamespaces& other, const std::string& where) {
  EXPECT_TRUE(support::write_file("/tmp/client.py", kClient));
  Outcome answer;
  support::eventually(
      [&] {
        answer = other.shell("nsenter -t $P -U -n /usr/bin/python3 client.py " + where);
        return answer.status == 0;
      },
      60000);
  return answer;
}

NS_TEST(SocketActivation, HttpServerOnASocketOfAnotherNamespace) {
  ASSERT_TRUE(support::write_file("/tmp/server.py", kServer));
  const OtherNamespaces other;
  ASSERT_TRUE(other.ready()) << other.err();
  const Running server(
      {.argv = support::ctrtool_words({"ns_open_file",
                                       "-n",
                                       "-N",
                                       other.proc() + "/ns/net",
                                       "-U",
                                       "-4",
                                       "127.0.0.1,80,a",
                                       "-l",
                                       "16",
                                       "-n",
                                       "-N",
                                       other.proc() + "/ns/net",
                                       "-U",
                                       "-6",
                                       "::1,81",
                                       "-l",
                                       "16",
                                       ":set_fds",
                                       "-s",
                                       "-n",
                                       "other:http",
                                       "-e",
                                       ":CTRTOOL_NS_OPEN_FILE_FD_0,:CTRTOOL_NS_OPEN_FILE_FD_1",
                                       "--",
                                       "/usr/bin/python3",
                                       "/tmp/server.py"})});
  const std::string expected = "/page " + support::link_target("/proc/self/ns/net") + "\n";
  const Outcome answer = answer_to(other, "::1 81");
  EXPECT_EQ(answer.out, expected) << answer.err << server.err();
  // In our own network namespace there is no such server.
  EXPECT_NE(other.shell("/usr/bin/python3 client.py ::1 81").status, 0);
}

// It finds the sockets of its predecessor, as it calls whoever opened them, in the variable NGINX.
constexpr const char* kNginxConfig = R"(
daemon off;
worker_processes 1;
user root;
error_log stderr;
pid /tmp/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen 127.0.0.1:80;
    return 200 "$request_uri of $server_addr";
  }
}
)";

NS_TEST(SocketActivation, NginxOnASocketOfAnotherNamespace) {
  const std::string nginx = "/usr/sbin/nginx";
  if (!support::path_exists(nginx)) GTEST_SKIP() << "nginx is not installed";
  ASSERT_TRUE(support::write_file("/tmp/nginx.conf", kNginxConfig));
  const OtherNamespaces other;
  ASSERT_TRUE(other.ready()) << other.err();
  Running server({.argv = support::ctrtool_words({"ns_open_file",
                                                  "-n",
                                                  "-N",
                                                  other.proc() + "/ns/net",
                                                  "-U",
                                                  "-4",
                                                  "127.0.0.1,80,a",
                                                  "-l",
                                                  "16",
                                                  ":set_fds",
                                                  "-e",
                                                  ":CTRTOOL_NS_OPEN_FILE_FD_0",
                                                  ":env",
                                                  "NGINX=3;",
                                                  nginx,
                                                  "-e",
                                                  "stderr",
                                                  "-p",
                                                  "/tmp",
                                                  "-c",
                                                  "/tmp/nginx.conf"})});
  const Outcome answer = answer_to(other, "127.0.0.1 80");
  EXPECT_EQ(answer.out, "/page of 127.0.0.1\n") << answer.err << server.err();
  const std::string proc = "/proc/" + std::to_string(server.pid());
  EXPECT_EQ(support::read_file(proc + "/comm"), "nginx\n");
  EXPECT_EQ(support::link_target(proc + "/ns/net"), support::link_target("/proc/self/ns/net"));
  EXPECT_NE(other.shell("/usr/bin/python3 client.py 127.0.0.1 80").status, 0);
  // Its worker goes with it only when it is asked to end.
  server.kill(SIGTERM);
  EXPECT_TRUE(server.ended_within(60000)) << server.err();
}

}  // namespace
