namespace StreamDiff.Transport.Media.Srt;

/// <summary>Calls whoever listens at an SRT address.</summary>
internal static class SrtCaller
{
    // FFmpeg's own takes as long.
    private const int ConnectTimeout = 3000;

    /// <summary>Connects, within the address's time.</summary>
    /// <exception cref="MediaException">Nobody answers, or the call is rejected.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public static SrtSocket Connect(SrtAddress address, CancellationToken ct)
    {
        var endPoint = address.EndPoint(ct);
        var socket = SrtSocket.Create();
        try
        {
            socket.Set(SrtOption.ConnectTimeout, ConnectTimeout);
            address.Apply(socket);
            if (address.StreamId.Length > 0)
            {
                socket.Set(SrtOption.StreamId, address.StreamId);
            }

            if (address.IsRendezvous)
            {
                socket.Set(SrtOption.Rendezvous, 1);
                socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Any, endPoint.Port));
            }

            socket.Connect(endPoint, ct);
            socket.WaitShortly();
            return socket;
        }
        catch (MediaException error)
        {
            socket.Dispose();
            ct.ThrowIfCancellationRequested();
            throw error.Message.StartsWith('\'') ? error
                : new MediaException($"'{address.Shown}' cannot be reached: {error.Message}.", error) { Absence = error.Absence };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
