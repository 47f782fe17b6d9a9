using System.Net;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>The files of a folder over HTTP on loopback.</summary>
internal sealed class FileServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Task _serving;

    public FileServer(string folder, int? port = null)
    {
        Address = $"http://127.0.0.1:{port ?? FreePort()}";
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _serving = Task.Run(() => Serve(folder));
    }

    public string Address { get; }

    public void Dispose()
    {
        _listener.Close();
        _serving.Wait();
    }

    private async Task Serve(string folder)
    {
        while (true)
        {
            try
            {
                var request = await _listener.GetContextAsync();
                var file = Path.Combine(folder, Path.GetFileName(request.Request.Url!.AbsolutePath));
                request.Response.StatusCode = File.Exists(file) ? 200 : 404;
                if (File.Exists(file))
                    await request.Response.OutputStream.WriteAsync(await File.ReadAllBytesAsync(file));
                request.Response.Close();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException)
            {
                if (!_listener.IsListening)
                    return;
            }
        }
    }

    internal static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
