using System.Net;
using System.Net.Sockets;

namespace StreamDiff.Transport.Peers;

/// <summary>What counts as one peer where each may have a share only.</summary>
public static class PeerNetwork
{
    /// <summary>
    /// An address of IPv4 as it is, also where IPv6 carries it; of one of IPv6 its network of 64 bits, which is one customer's: its
    /// addresses are as one.
    /// </summary>
    public static IPAddress Of(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? new IPAddress((byte[])[.. address.GetAddressBytes().Take(8), .. new byte[8]])
            : address;
    }
}
