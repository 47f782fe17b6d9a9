using System.Net.Sockets;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>nginx with its RTMP module on a free port, all its files in a folder of the test's.</summary>
internal sealed class NginxRtmp : IDisposable
{
    private readonly Peer _peer;

    private NginxRtmp(Peer peer, int port) => (_peer, Port) = (peer, port);

    public int Port { get; }

    public static NginxRtmp Start(TempFolder folder)
    {
        var port = FreePort.Tcp();
        var config = folder.File("nginx.conf");
        File.WriteAllText(config, $$"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off; master_process off; worker_processes 1; pid {{folder.File("nginx.pid")}};
            error_log {{folder.File("error.log")}} info;
            events { worker_connections 64; }
            rtmp {
              access_log off;
              server {
                listen 127.0.0.1:{{port}};
                chunk_size 4096;
                application live { live on; record off; wait_key on; sync 10ms; }
              }
            }
            """);
        var server = new NginxRtmp(Peer.Start("nginx", "-e", folder.File("error.log"), "-c", config), port);
        for (var i = 0; i < 100; i++)
        {
            try
            {
                using var client = new TcpClient("127.0.0.1", port);
                return server;
            }
            catch (SocketException)
            {
                Assert.False(server._peer.HasExited, "nginx did not start; is libnginx-mod-rtmp installed?");
                new ManualResetEventSlim().Wait(50);
            }
        }

        throw new TimeoutException("nginx does not listen");
    }

    public void Dispose() => _peer.Dispose();
}
